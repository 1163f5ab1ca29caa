import { Bitmap, hasBit, lastSet, runEnd } from './bitmap.ts';
import { checkRange, type Disk, deviceSize, Pending } from './disk.ts';
import { CowError } from './error.ts';
import { Flusher } from './flusher.ts';
import { type CowHeader, SECTOR } from './header.ts';
import type { HeldFile } from './held.ts';

/** A read that changes sides more often than this is done as two large reads, mixed in memory. */
const MANY_RUNS = 8;

/** What an overlay does with its two files. */
export type OverlayFile = Pick<HeldFile, 'path' | 'read' | 'write' | 'sync' | 'close'>;

/**
 * A disk that is a COW file over a backing file: sectors that were written are read from the COW file, the others from
 * the backing file, which is never written. The bitmap that tells them apart is kept in memory; the file's copy follows
 * on a flush, always after the data that it describes is on the disk. So a kill or a power failure can leave data whose
 * bit is not set (an unflushed write, lost), and never the reverse.
 */
export class OverlayDisk implements Disk {
  readonly size: number;
  readonly readOnly: boolean;
  readonly backingFile: string;
  readonly #cow: OverlayFile;
  readonly #backing: OverlayFile;
  readonly #header: CowHeader;
  readonly #bitmap: Bitmap;
  readonly #synchronous: boolean;
  readonly #pending = new Pending();
  readonly #flusher = new Flusher(() => this.#sync());
  #scratch: Uint8Array | undefined;
  #closed = false;

  /**
   * @param bits the bitmap as read from the file
   * @throws CowError `no-bitmap-room` if it is to be written and its layout can't record every sector
   */
  constructor(
    files: { cow: OverlayFile; backing: OverlayFile },
    header: CowHeader,
    bits: Uint8Array,
    options: { readOnly: boolean; synchronous: boolean },
  ) {
    this.#cow = files.cow;
    this.#backing = files.backing;
    this.backingFile = files.backing.path;
    this.#header = header;
    this.#bitmap = new Bitmap(bits);
    this.#synchronous = options.synchronous;
    this.size = deviceSize(header.size);
    this.readOnly = options.readOnly;
    if (!this.readOnly && bits.length * 8 < header.sectors) {
      throw new CowError('no-bitmap-room', this.#cow.path, { sector: bits.length * 8 });
    }
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.#check(offset, into.length);
    if (into.length === 0) return;
    await this.#pending.track(this.#readRuns(offset, into));
  }

  #readRuns(offset: number, into: Uint8Array): Promise<void> {
    const first = offset / SECTOR;
    const end = first + into.length / SECTOR;
    const { bits } = this.#bitmap;
    let to = runEnd(bits, first, end);
    if (to === end) return this.#readRun(offset, into, hasBit(bits, first));
    const parts: Promise<void>[] = [];
    for (let from = first; from < end; from = to) {
      if (parts.length === MANY_RUNS) {
        const rest = (from - first) * SECTOR;
        parts.push(this.#readMixed(offset + rest, into.subarray(rest)));
        break;
      }
      to = runEnd(bits, from, end);
      const part = into.subarray((from - first) * SECTOR, (to - first) * SECTOR);
      parts.push(this.#readRun(from * SECTOR, part, hasBit(bits, from)));
    }
    return all(parts);
  }

  #readRun(offset: number, into: Uint8Array, isInCow: boolean): Promise<void> {
    return isInCow ? this.#cow.read(into, this.#header.dataOffset + offset) : this.#backing.read(into, offset);
  }

  async #readMixed(offset: number, into: Uint8Array): Promise<void> {
    // a write may set bits while the reads are under way: what they mean for these reads is what they were before
    const first = offset / SECTOR;
    const skip = first % 8;
    const end = skip + into.length / SECTOR;
    const bits = this.#bitmap.bits.slice((first - skip) / 8, Math.ceil((first - skip + end) / 8));
    const scratch = this.#takeScratch(into.length);
    const ours = scratch.subarray(0, into.length);
    await all([this.#readRun(offset, into, false), this.#readRun(offset, ours, true)]);
    for (let from = skip; from < end; ) {
      const to = runEnd(bits, from, end);
      if (hasBit(bits, from))
        into.set(ours.subarray((from - skip) * SECTOR, (to - skip) * SECTOR), (from - skip) * SECTOR);
      from = to;
    }
    this.#scratch = scratch;
  }

  #takeScratch(length: number): Uint8Array {
    const kept = this.#scratch;
    this.#scratch = undefined; // in use: a read at the same time makes its own
    return kept && kept.length >= length ? kept : new Uint8Array(length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    this.#check(offset, data.length);
    if (this.readOnly) throw new CowError('read-only', this.#cow.path);
    if (data.length === 0) return;
    await this.#pending.write(offset, data.length, async () => {
      await this.#cow.write(data, this.#header.dataOffset + offset);
      this.#bitmap.set(offset / SECTOR, (offset + data.length) / SECTOR);
      this.#flusher.wrote(data.length);
    });
    if (this.#synchronous) await this.flush();
  }

  flush(): Promise<void> {
    return this.#pending.track(this.#flusher.flush());
  }

  async #sync(): Promise<void> {
    const pieces = this.#bitmap.takeDirty(); // before the data is synced: later bits wait for the next time
    try {
      await this.#cow.sync();
      if (pieces.length === 0) return;
      for (const { offset, bytes } of pieces) await this.#cow.write(bytes, this.#header.bitmapOffset + offset);
      await this.#cow.sync();
    } catch (error) {
      this.#bitmap.putBack(pieces);
      throw error;
    }
  }

  /** Nothing: a cleared bit would bring the backing file's old content back, a zeroed sector saves little. */
  async trim(offset: number, length: number): Promise<void> {
    this.#check(offset, length);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pending.settle();
    try {
      await this.#flusher.flush();
    } finally {
      this.#flusher.stop();
      this.#backing.close();
      this.#cow.close();
    }
  }

  #check(offset: number, length: number): void {
    if (this.#closed) throw new CowError('closed', this.#cow.path);
    checkRange(this.#cow.path, this.size, offset, length);
  }
}

/**
 * Reads the bitmap of a COW file whole.
 * @throws CowError `truncated` if the file ends before the bitmap does, or before the last sector that it should hold
 */
export function readBitmap(cow: HeldFile, header: CowHeader): Uint8Array {
  const bits = cow.readNow(header.bitmapLength, header.bitmapOffset);
  const { size } = cow.identity();
  const bitmapEnd = header.bitmapOffset + header.bitmapLength;
  if (bits.length < header.bitmapLength) {
    throw new CowError('truncated', cow.path, { expected: bitmapEnd, actual: size });
  }
  const held = Math.min(lastSet(bits), header.sectors) * header.sectorSize;
  const expected = header.dataOffset + Math.min(held, header.size);
  if (held > 0 && size < expected) throw new CowError('truncated', cow.path, { expected, actual: size });
  return bits;
}

/** Promise.all that waits for the slowest even if one fails: none may write into the caller's memory afterwards. */
async function all(parts: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(parts)) if (result.status === 'rejected') throw result.reason;
}
