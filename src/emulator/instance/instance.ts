import { readFileSync } from 'node:fs';
import { errorText } from '../../lib/os/index.ts';
import { claimUmid, type Environment, type UmidDirectory, UmidError, umidBase } from '../../lib/umid/index.ts';
import { type CommandLine, rootDisk } from '../cmdline/index.ts';
import { type KernelImage, Machine, MachineError } from '../cpu/index.ts';
import { type KernelName, ManagementDevice, PowerPorts, type PowerState } from '../devices/index.ts';
import { checkRoot } from '../root/index.ts';
import { Consoles } from './consoles.ts';
import { Control } from './control.ts';
import { Disks } from './disks.ts';
import { StartError } from './error.ts';
import { loadKernel } from './kernel.ts';
import { GuestLog } from './log.ts';
import { Nics } from './nics.ts';
import { Notifier } from './notifier.ts';

export interface InstanceOptions {
  commandLine: CommandLine;
  environment: Environment;
  /** Takes what UML prints on its standard output before there is a console. */
  output(bytes: Uint8Array): void;
  /** Takes a line for standard error. */
  complain(line: string): void;
}

/** How an instance ended, and what the process does then: exit, abort (a panic), or start again. */
export type Ending = { how: 'exit'; status: number } | { how: 'abort' } | { how: 'restart' };

const SIGNAL_STATUS = 1;

/** A User Mode Linux instance: one machine with its disks, consoles, network, umid directory and management console. */
export class Instance {
  /** Resolves when the instance is over and everything that it held is released. */
  readonly ended: Promise<Ending>;
  readonly #options: InstanceOptions;
  readonly #log = new GuestLog();
  readonly #umid: UmidDirectory;
  readonly #disks: Disks;
  readonly #nics: Nics;
  readonly #notifier: Notifier;
  #machine: Machine | undefined;
  #power: PowerPorts | undefined;
  #consoles: Consoles | undefined;
  #control: Control | undefined;
  #ending: Ending | undefined;
  #resolveEnded: (ending: Ending) => void = () => {};

  /** Boots an instance. @throws StartError, before anything was left behind */
  static async start(options: InstanceOptions): Promise<Instance> {
    const instance = new Instance(options);
    try {
      await instance.#boot();
    } catch (error) {
      await instance.#release();
      throw error;
    }
    return instance;
  }

  private constructor(options: InstanceOptions) {
    this.#options = options;
    const { commandLine } = options;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    for (const { to, text } of commandLine.warnings) {
      if (to === 'stderr') options.complain(text);
      else if (to === 'stdout') options.output(Buffer.from(`${text}\n`));
      else this.#log.report(text);
    }
    this.#umid = takeUmid(options);
    for (const warning of this.#umid.warnings) options.complain(warning.message);
    this.#disks = new Disks(this.#log.report, commandLine.ubdSync);
    this.#nics = new Nics(this.#log.report);
    this.#notifier = new Notifier(commandLine.notifySocket, this.#log.report);
  }

  async #boot(): Promise<void> {
    const { commandLine, environment } = this.#options;
    const kernel = loadKernel(commandLine.guestKernel ?? environment.UML_GUEST_KERNEL);
    const initrd = commandLine.initrd === undefined ? undefined : readInitrd(commandLine.initrd);
    const starting = [this.#createMachine(kernel, initrd), this.#openDisks(), this.#openNics()] as const;
    await Promise.allSettled(starting); // what fails in one must not leave another at work
    const [machine] = await Promise.all(starting);
    await this.#refuseAmd64Root();
    this.#machine = machine;
    this.#power = new PowerPorts(machine, {
      onEarlyOutput: (bytes) => this.#options.output(bytes),
      onState: (state) => this.#onPower(state),
    });
    const management = new ManagementDevice(machine, {
      onHello: (name) => this.#onKernelUp(name, management),
      onNotify: (data) => this.#notifier.tell({ type: 'user', data }),
    });
    machine.plug(management.device);
    this.#consoles = new Consoles(machine, commandLine, this.#log.report);
    this.#disks.plugAll(machine);
    this.#nics.plugAll(machine);
    machine.run();
  }

  async #createMachine(kernel: KernelImage, initrd: Uint8Array | undefined): Promise<Machine> {
    const { commandLine } = this.#options;
    try {
      return await Machine.create(
        {
          kernel,
          memory: commandLine.memory,
          commandLine: commandLine.kernelArguments.join(' '),
          ...(initrd && { initrd }),
        },
        {
          // Kernels without our drivers (kernel=FILE) end by halting the processor or by resetting it.
          onHalt: () => this.#end({ how: 'exit', status: 0 }),
          onReset: () => this.#end(endingOf('restart', commandLine.noReboot, 0)),
        },
      );
    } catch (error) {
      if (!(error instanceof MachineError) || error.code !== 'kernel-too-large') throw error;
      throw new StartError('no-memory', `Too few physical memory! ${error.message}`);
    }
  }

  async #openDisks(): Promise<void> {
    for (const config of this.#options.commandLine.disks.values()) await this.#disks.open(config);
  }

  async #openNics(): Promise<void> {
    await Promise.all(this.#options.commandLine.nics.map((nic) => this.#nics.open(nic)));
  }

  async #refuseAmd64Root(): Promise<void> {
    const { commandLine } = this.#options;
    const root = rootDisk(commandLine.root);
    const disk = root?.partition === 0 ? this.#disks.disk(root.unit) : undefined;
    const problem = disk && (await checkRoot(disk, commandLine.init));
    if (!problem) return;
    const file = commandLine.disks.get(root?.unit ?? 0)?.file;
    throw new StartError('amd64-root', `can't boot '${file}': ${problem.message}`);
  }

  #onKernelUp(name: KernelName, management: ManagementDevice): void {
    this.#log.connect(management);
    const [machine, consoles] = [this.#machine as Machine, this.#consoles as Consoles];
    this.#control = new Control({ machine, management, disks: this.#disks, consoles }, name);
    try {
      this.#control.listen(this.#umid.socketPath);
      this.#notifier.tell({ type: 'socket', path: this.#umid.socketPath });
      this.#log.report(`mconsole (version 2) initialized on ${this.#umid.socketPath}`);
    } catch (error) {
      this.#log.report(`Failed to initialize management console: ${errorText(error)}`);
    }
  }

  #onPower(state: PowerState): void {
    const { exitCode = 0, panicText = '' } = this.#power ?? {};
    if (state === 'panic') this.#notifier.tell({ type: 'panic', message: panicText });
    this.#end(endingOf(state, this.#options.commandLine.noReboot, exitCode));
  }

  /** Ends the instance as SIGINT and SIGTERM end UML: the guest is not asked, the host's side is closed in order. */
  terminate(): void {
    this.#end({ how: 'exit', status: SIGNAL_STATUS });
  }

  #end(ending: Ending): void {
    if (this.#ending) return;
    this.#ending = ending;
    // Not from within the guest's own port access, where most endings come from.
    setImmediate(async () => {
      await this.#machine?.stop();
      for (const message of this.#log.drain()) this.#options.output(Buffer.from(`${message}\n`));
      await this.#release(ending);
      this.#resolveEnded(ending);
    });
  }

  /** Lets go of everything. A panicked instance leaves its umid directory and socket behind, as UML does. */
  async #release(ending?: Ending): Promise<void> {
    if (ending?.how !== 'abort') this.#control?.close();
    this.#nics.close();
    await this.#disks.close();
    await this.#consoles?.close();
    if (ending?.how !== 'abort') this.#umid.release();
  }
}

function takeUmid({ commandLine, environment }: InstanceOptions): UmidDirectory {
  try {
    return claimUmid({ base: umidBase(commandLine.umlDirectory, environment), name: commandLine.umid });
  } catch (error) {
    if (!(error instanceof UmidError)) throw error;
    throw new StartError('no-umid', error.message);
  }
}

function readInitrd(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StartError('bad-initrd', `can't read the initial RAM disk '${file}': ${errorText(error)}`);
  }
}

function endingOf(state: PowerState, noReboot: boolean, exitCode: number): Ending {
  if (state === 'panic') return { how: 'abort' };
  if (state === 'restart' && !noReboot) return { how: 'restart' };
  return { how: 'exit', status: exitCode & 0xff };
}
