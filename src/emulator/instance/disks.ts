import { CowError, type Disk, type DiskSpec, openDisk } from '../../lib/cow/index.ts';
import { errnoOf } from '../../lib/os/index.ts';
import { UBD_SLOTS } from '../bus/index.ts';
import type { UbdConfig } from '../cmdline/index.ts';
import type { Machine } from '../cpu/index.ts';
import { BlockDevice, type ManagementDevice, ManagementError } from '../devices/index.ts';
import { DiskError, InstanceError } from './error.ts';
import type { Report } from './report.ts';

const ENOENT = 2;
const EBUSY = 16;
const ENODEV = 19;

interface Unit {
  config: UbdConfig;
  disk: Disk;
}

/** The instance's ubd devices: opened on the host, and plugged into the machine. */
export class Disks {
  readonly #units = new Map<number, Unit>();
  /** Units that are being plugged or unplugged. */
  readonly #changing = new Set<number>();
  readonly #report: Report;
  /** `ubd=sync`: disks that are opened from now on write through. */
  synchronous: boolean;

  constructor(report: Report, synchronous: boolean) {
    this.#report = report;
    this.synchronous = synchronous;
  }

  /** Opens a disk's files. A failure is reported in UML's words; the unit then stays empty. */
  async open(config: UbdConfig): Promise<void> {
    try {
      await this.#open(config);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      const name = String.fromCharCode('a'.charCodeAt(0) + config.unit);
      this.#report(
        error.errno === ENOENT
          ? `Failed to initialize ubd device ${config.unit} :${error.message}`
          : `ubd${name}: ${error.message}`,
      );
    }
  }

  async #open(config: UbdConfig): Promise<Unit> {
    const unit = { config, disk: await this.#openFiles(config) };
    this.#units.set(config.unit, unit);
    return unit;
  }

  async #openFiles(config: UbdConfig): Promise<Disk> {
    try {
      return await openDisk(diskSpec(config, this.synchronous), this.#report);
    } catch (error) {
      const errno = error instanceof CowError ? error.errno : errnoOf(error);
      if (errno === undefined) throw error;
      throw new DiskError(config.file, errno);
    }
  }

  disk(unit: number): Disk | undefined {
    return this.#units.get(unit)?.disk;
  }

  /** Puts every open disk into a machine that does not run yet. */
  plugAll(machine: Machine): void {
    for (const unit of this.#units.values()) this.#plug(machine, unit);
  }

  #plug(machine: Machine, { config, disk }: Unit): void {
    machine.plug(new BlockDevice(machine, config.unit, disk, { serial: config.serial, report: this.#report }).device);
  }

  configured(unit: number): boolean {
    return this.#units.has(unit) || this.#changing.has(unit);
  }

  /** The configuration as mconsole shows it: a file, a COW file and its backing file, or nothing. */
  describe(unit: number): string {
    const entry = this.#units.get(unit);
    if (!entry) return '';
    const backing = entry.disk.backingFile ?? entry.config.backing;
    return backing === undefined ? entry.config.file : `${entry.config.file},${backing}`;
  }

  /** Adds a disk to the running machine; done when the guest can use it. @throws DiskError, ManagementError */
  async add(machine: Machine, management: ManagementDevice, config: UbdConfig): Promise<void> {
    this.#changing.add(config.unit);
    try {
      const unit = await this.#open(config);
      this.#plug(machine, unit);
      try {
        await management.request('plug', slot(config.unit));
      } catch (error) {
        await this.#drop(machine, config.unit, unit);
        throw error;
      }
    } finally {
      this.#changing.delete(config.unit);
    }
  }

  /** Takes a disk from the running machine. @throws InstanceError `no-device`, `device-open` */
  async remove(machine: Machine, management: ManagementDevice, number: number): Promise<void> {
    const unit = this.#units.get(number);
    if (!unit || this.#changing.has(number)) throw new InstanceError('no-device');
    this.#changing.add(number);
    try {
      await management.request('unplug', slot(number));
      await this.#drop(machine, number, unit);
    } catch (error) {
      if (!(error instanceof ManagementError)) throw error;
      if (error.errno === EBUSY) throw new InstanceError('device-open');
      if (error.errno !== ENODEV) throw error;
      await this.#drop(machine, number, unit); // the guest never had it
    } finally {
      this.#changing.delete(number);
    }
  }

  async #drop(machine: Machine, number: number, unit: Unit): Promise<void> {
    machine.unplug(UBD_SLOTS + number);
    this.#units.delete(number);
    await unit.disk.close();
  }

  /** Makes everything durable and lets go of all files. */
  async close(): Promise<void> {
    const disks = Array.from(this.#units.values(), ({ disk }) => disk);
    this.#units.clear();
    await Promise.all(disks.map((disk) => disk.close()));
  }
}

function diskSpec(config: UbdConfig, synchronous: boolean): DiskSpec {
  return {
    file: config.file,
    ...(config.backing !== undefined && { backing: config.backing }),
    ...(config.readOnly && { readOnly: true }),
    ...(config.shared && { shared: true }),
    ...(config.data && { dataOnly: true }),
    ...((config.sync || synchronous) && { synchronous: true }),
  };
}

function slot(unit: number): Uint8Array {
  return Uint8Array.of(UBD_SLOTS + unit, 0, 0, 0);
}
