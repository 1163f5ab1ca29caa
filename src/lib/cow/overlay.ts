import { BITMAP_BLOCK, Bitmap, hasBit, lastSet, runEnd } from './bitmap.ts';
import { checkRange, type Disk, deviceSize, Pending } from './disk.ts';
import { CowError } from './error.ts';
import { Flusher } from './flusher.ts';
import { type CowHeader, SECTOR } from './header.ts';
import type { HeldFile } from './held.ts';
import { MergedReader } from './merged.ts';

/**
 * Sectors come into the COW file by whole groups. UML's driver (6.1, do_io() of ubd_kern.c) misreads what follows a page
 * that lies partly in each file, if one request reads on past it; its own writes are mostly whole pages.
 */
export const GROUP = 4096;

/** What an overlay does with its two files. */
export type OverlayFile = Pick<HeldFile, 'path' | 'read' | 'write' | 'reserve' | 'punch' | 'sync' | 'close'>;

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
  /** Blocks of the bitmap that have room on the disk. */
  readonly #reserved = new Set<number>();
  readonly #pending = new Pending();
  readonly #flusher = new Flusher(() => this.#sync());
  readonly #reader: MergedReader;
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
    this.#reader = new MergedReader(files.cow, files.backing, header);
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
    await this.#pending.track(this.#reader.read(this.#bitmap.bits, 0, offset, into));
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    this.#check(offset, data.length);
    if (this.readOnly) throw new CowError('read-only', this.#cow.path);
    if (data.length === 0) return;
    const start = Math.floor(offset / GROUP) * GROUP;
    const end = Math.min(Math.ceil((offset + data.length) / GROUP) * GROUP, this.size);
    await this.#pending.write(start, end - start, async () => {
      this.#reserveBitmap(start / SECTOR / 8, end / SECTOR / 8);
      const whole = await this.#fillGroups(start, end, offset, data);
      await this.#cow.write(whole.data, this.#header.dataOffset + whole.offset);
      this.#bitmap.set(whole.offset / SECTOR, (whole.offset + whole.data.length) / SECTOR);
      this.#flusher.wrote(whole.data.length);
    });
    if (this.#synchronous) await this.flush();
  }

  /**
   * Extends a write that begins or ends inside a group to all of that group, unless the COW file holds the group already.
   * @param start of the first group
   * @param end of the last group
   */
  async #fillGroups(start: number, end: number, offset: number, data: Uint8Array) {
    const from = this.#holds(start, Math.min(start + GROUP, end)) ? offset : start;
    const lastGroup = Math.floor((end - 1) / GROUP) * GROUP;
    const to = this.#holds(lastGroup, end) ? offset + data.length : end;
    if (to - from === data.length) return { offset, data };
    const whole = new Uint8Array(to - from);
    const head = whole.subarray(0, offset - from);
    const tail = whole.subarray(offset - from + data.length);
    if (head.length > 0) await this.#reader.read(this.#bitmap.bits, 0, from, head);
    if (tail.length > 0) await this.#reader.read(this.#bitmap.bits, 0, offset + data.length, tail);
    whole.set(data, offset - from);
    return { offset: from, data: whole };
  }

  /** A write that has succeeded must not fail to be flushed because there is no room for its bits. */
  #reserveBitmap(from: number, end: number): void {
    for (let block = Math.floor(from / BITMAP_BLOCK); block * BITMAP_BLOCK < end; block++) {
      if (this.#reserved.has(block)) continue;
      this.#cow.reserve(this.#header.bitmapOffset + block * BITMAP_BLOCK, BITMAP_BLOCK);
      this.#reserved.add(block);
    }
  }

  #holds(start: number, end: number): boolean {
    const { bits } = this.#bitmap;
    return hasBit(bits, start / SECTOR) && runEnd(bits, start / SECTOR, end / SECTOR) === end / SECTOR;
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

  /**
   * Makes holes of what the COW file holds; the bits stay, since cleared ones would bring the backing file's old content
   * back. What it does not hold has no space to give.
   */
  async trim(offset: number, length: number): Promise<void> {
    this.#check(offset, length);
    if (this.readOnly) throw new CowError('read-only', this.#cow.path);
    if (length === 0) return;
    await this.#pending.write(offset, length, async () => {
      const end = (offset + length) / SECTOR;
      const { bits } = this.#bitmap;
      for (let from = offset / SECTOR, to: number; from < end; from = to) {
        to = runEnd(bits, from, end);
        if (hasBit(bits, from)) this.#cow.punch(this.#header.dataOffset + from * SECTOR, (to - from) * SECTOR);
      }
    });
    this.#flusher.wrote(length);
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
