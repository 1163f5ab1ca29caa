import { seekData, seekHole } from '../os/index.ts';

/** What a file system allocates at the least: a hole is worth keeping from this size on. */
export const BLOCK = 4096;
const ZEROS = Buffer.alloc(BLOCK);

/** A part of a buffer, `end` exclusive. */
export interface Extent {
  start: number;
  end: number;
}

/** The parts of a buffer, or of an extent of it, that are not blocks of zeros, neighbours joined. */
export function nonZeroExtents(bytes: Buffer, within: Extent = { start: 0, end: bytes.length }): Extent[] {
  const extents: Extent[] = [];
  let last: Extent | undefined;
  for (let start = within.start; start < within.end; start += BLOCK) {
    const end = Math.min(start + BLOCK, within.end);
    if (bytes[start] === 0 && isZero(bytes, start, end)) continue;
    if (last?.end === start) last.end = end;
    else {
      last = { start, end };
      extents.push(last);
    }
  }
  return extents;
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  return bytes.compare(ZEROS, 0, end - start, start, end) === 0;
}

/** Answers where a file holds data, for questions that mostly go upward. The file must not change meanwhile, but by filling holes. */
export class DataMap {
  readonly #fd: number;
  #start = 0;
  #end = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The first byte at or after `offset` that may be data; undefined if the rest is a hole. */
  nextData(offset: number): number | undefined {
    if (offset >= this.#start && offset < this.#end) return offset;
    try {
      const start = seekData(this.#fd, offset);
      if (start === undefined) return undefined;
      this.#start = start;
      this.#end = seekHole(this.#fd, start) ?? start;
      return start;
    } catch {
      return offset; // a file system or device that can't tell
    }
  }

  /** The parts of a range that may be data, whole if the file can't tell. */
  dataExtents(start: number, end: number): Extent[] {
    const extents: Extent[] = [];
    for (let at = this.nextData(start); at !== undefined && at < end; ) {
      const isKnown = at >= this.#start && at < this.#end;
      const stop = isKnown ? Math.min(this.#end, end) : end;
      extents.push({ start: at, end: stop });
      at = stop < end ? this.nextData(stop) : undefined;
    }
    return extents;
  }

  /** Whether a range is known to read as zeros. */
  isHole(start: number, end: number): boolean {
    const data = this.nextData(start);
    return data === undefined || data >= end;
  }
}
