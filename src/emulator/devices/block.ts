import type { Disk } from '../../lib/cow/index.ts';
import { type Chain, gather, rangesLength, scatter, UBD_SLOTS, VirtioDevice, type Virtqueue } from '../bus/index.ts';
import type { GuestMemory, Machine } from '../cpu/index.ts';

const SECTOR = 512;
const HEADER_SIZE = 16;
const MAX_SEGMENTS = 126;
const MAX_TRANSFER = 4 << 20;
/** ubd's geometry (arch/um/drivers/ubd_kern.c). */
const HEADS = 128;
const SECTORS_PER_TRACK = 32;

// virtio 1.1, section 5.2
const FEATURES = { SEG_MAX: 2, GEOMETRY: 4, RO: 5, BLK_SIZE: 6, FLUSH: 9 };
const REQUEST = { READ: 0, WRITE: 1, FLUSH: 4, IDENTIFY: 8 };
const STATUS = { OK: 0, IO_ERROR: 1, UNSUPPORTED: 2 };

export interface BlockOptions {
  /** Serial number that the guest can read, at most 20 characters. */
  serial: string | undefined;
  /** Host errors that the guest only sees as an I/O error. */
  report: (message: string) => void;
}

/** One ubd device: a virtio disk whose sectors are a COW overlay or a plain image. */
export class BlockDevice {
  readonly unit: number;
  readonly device: VirtioDevice;
  readonly #memory: GuestMemory;
  readonly #queue: Virtqueue;
  readonly #disk: Disk;
  readonly #options: BlockOptions;
  /** Counts resets, so that a request of before one is not answered after it. */
  #epoch = 0;

  constructor(machine: Machine, unit: number, disk: Disk, options: BlockOptions) {
    this.unit = unit;
    this.#memory = machine.memory;
    this.#disk = disk;
    this.#options = options;
    this.device = new VirtioDevice(
      machine,
      UBD_SLOTS + unit,
      {
        name: `ubd${unit}`,
        type: 2,
        pciClass: 0x0180,
        queueSizes: [256],
        features: features(disk),
        config: configuration(disk),
      },
      { onNotify: () => this.#serve(), onReset: () => this.#epoch++ },
    );
    this.#queue = this.device.queues[0] as Virtqueue;
  }

  #serve(): void {
    for (let chain = this.#queue.pop(); chain; chain = this.#queue.pop()) void this.#answer(chain, this.#epoch);
  }

  async #answer(chain: Chain, epoch: number): Promise<void> {
    const status = chain.writable.at(-1);
    if (status?.length !== 1) return;
    const target = chain.writable.slice(0, -1);
    let data: Uint8Array | undefined;
    let result = STATUS.OK;
    try {
      data = await this.#perform(chain, rangesLength(target));
    } catch (error) {
      result = error instanceof UnsupportedRequest ? STATUS.UNSUPPORTED : STATUS.IO_ERROR;
      if (result === STATUS.IO_ERROR) this.#options.report(`ubd${this.unit}: ${(error as Error).message}`);
    }
    if (epoch !== this.#epoch) return;
    this.device.guarded(() => {
      const written = data ? scatter(this.#memory, target, data) : 0;
      this.#memory.write(status.address, Uint8Array.of(result));
      this.#queue.push(chain, written + 1);
      this.device.notify(this.#queue);
    });
  }

  /** Does what the request asks; the bytes for the guest, if it asked for any. */
  async #perform(chain: Chain, wanted: number): Promise<Uint8Array | undefined> {
    const header = Buffer.alloc(HEADER_SIZE);
    if (gather(this.#memory, chain.readable, header) < HEADER_SIZE) throw new UnsupportedRequest();
    const offset = Number(header.readBigUInt64LE(8)) * SECTOR;
    switch (header.readUInt32LE(0)) {
      case REQUEST.READ: {
        this.#checkRange(offset, wanted);
        const data = Buffer.allocUnsafe(wanted);
        await this.#disk.read(offset, data);
        return data;
      }
      case REQUEST.WRITE: {
        const length = rangesLength(chain.readable) - HEADER_SIZE;
        this.#checkRange(offset, length);
        const data = Buffer.allocUnsafe(length);
        gather(this.#memory, chain.readable, data, HEADER_SIZE);
        await this.#disk.write(offset, data);
        return undefined;
      }
      case REQUEST.FLUSH:
        await this.#disk.flush();
        return undefined;
      case REQUEST.IDENTIFY:
        return Buffer.from((this.#options.serial ?? '').padEnd(20, '\0')).subarray(0, Math.min(wanted, 20));
      default:
        throw new UnsupportedRequest();
    }
  }

  #checkRange(offset: number, length: number): void {
    if (length % SECTOR !== 0 || length > MAX_TRANSFER || offset + length > this.#disk.size) {
      throw new Error(`request outside the device: offset ${offset}, length ${length}`);
    }
  }
}

class UnsupportedRequest extends Error {}

function features(disk: Disk): number {
  const { SEG_MAX, GEOMETRY, RO, BLK_SIZE, FLUSH } = FEATURES;
  return (1 << SEG_MAX) | (1 << GEOMETRY) | (1 << BLK_SIZE) | (1 << FLUSH) | (disk.readOnly ? 1 << RO : 0);
}

/** struct virtio_blk_config, as far as our features reach. */
function configuration(disk: Disk): Uint8Array {
  const config = Buffer.alloc(24);
  const sectors = disk.size / SECTOR;
  config.writeBigUInt64LE(BigInt(sectors), 0);
  config.writeUInt32LE(MAX_SEGMENTS, 12);
  config.writeUInt16LE(Math.min(Math.floor(sectors / (HEADS * SECTORS_PER_TRACK)), 0xffff), 16);
  config.writeUInt8(HEADS, 18);
  config.writeUInt8(SECTORS_PER_TRACK, 19);
  config.writeUInt32LE(SECTOR, 20);
  return config;
}
