import { CowError } from './error.ts';
import { SECTOR } from './header.ts';

/** An open disk, as a guest sees it. Offsets and lengths are bytes, multiples of 512. */
export interface Disk {
  /** Bytes, a multiple of 512: the tail of an odd image reads as zeros. */
  readonly size: number;
  readonly readOnly: boolean;
  /** The backing file in use, where the disk is an overlay over one. */
  readonly backingFile: string | undefined;
  /** Fills `into`. A read that begins after a write has completed sees it. */
  read(offset: number, into: Uint8Array): Promise<void>;
  /** Overlapping writes happen in the order of their calls. `data` may not change until it resolves. */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Every write that has completed by now is on the host's disk when it resolves, and survives a loss of power. */
  flush(): Promise<void>;
  /** The range's content is no longer needed: the host gets its space back where it can. */
  trim(offset: number, length: number): Promise<void>;
  /** Flushes, closes and unlocks the files. */
  close(): Promise<void>;
}

/** @throws CowError `out-of-range` unless the range is whole sectors of the disk */
export function checkRange(path: string, size: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset % SECTOR === 0 && length % SECTOR === 0 && offset + length <= size) return;
  throw new CowError('out-of-range', path, { offset, length });
}

/** An image's size as a device's: whole sectors. */
export function deviceSize(bytes: number): number {
  return Math.ceil(bytes / SECTOR) * SECTOR;
}

/** The work under way on a disk: keeps overlapping writes in order, and lets close() wait for all. */
export class Pending {
  readonly #writes = new Set<{ start: number; end: number; settled: Promise<unknown> }>();
  readonly #others = new Set<Promise<unknown>>();

  /** Starts `task` once every earlier write of an overlapping range has ended. */
  write(start: number, length: number, task: () => Promise<void>): Promise<void> {
    const end = start + length;
    const earlier: Promise<unknown>[] = [];
    for (const other of this.#writes) if (start < other.end && other.start < end) earlier.push(other.settled);
    const work = earlier.length === 0 ? task() : Promise.all(earlier).then(task);
    const entry = { start, end, settled: Promise.resolve() as Promise<unknown> };
    const leave = () => this.#writes.delete(entry);
    entry.settled = work.then(leave, leave);
    this.#writes.add(entry);
    return work;
  }

  /** Remembers other work until it ends. */
  track(work: Promise<void>): Promise<void> {
    const leave = () => this.#others.delete(settled);
    const settled: Promise<unknown> = work.then(leave, leave);
    this.#others.add(settled);
    return work;
  }

  /** Resolves when all that was started before has ended, well or badly. */
  async settle(): Promise<void> {
    await Promise.all([...[...this.#writes].map(({ settled }) => settled), ...this.#others]);
  }
}
