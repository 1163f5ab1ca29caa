import { hasBit, lastSet, runEnd } from './bitmap.ts';
import { CowError } from './error.ts';
import { BLOCK, DataMap, type Extent } from './extents.ts';
import type { MergeSource, MergeStep } from './source.ts';

/** Bytes of image that are handled at a time. */
export const CHUNK = 1 << 20;
/** Bytes of bitmap that are read at a time, so that the bitmap of a huge image need not fit into memory. */
const WINDOW = 1 << 16;
/** Sectors of the COW file that are this close are handled together with what is between them. */
const SMALL_GAP = 8 << 10;

/** A piece of an image to be merged. */
export interface Chunk {
  /** Bytes of the image. */
  readonly offset: number;
  readonly length: number;
  /** Its part of the bitmap; the first bit is the sector at `offset`. */
  readonly bits: Uint8Array;
}

/** Which pieces of an image: those of which the COW file holds something, or also those where the backing file has data, or all. */
export type Which = 'dirty' | 'data' | 'all';

/**
 * The pieces of an image, upward.
 * @throws CowError `truncated` where the COW file ends before what its bitmap promises
 */
export function* chunksOf({ cow, backing, header }: MergeSource, which: Which): Generator<Chunk> {
  const { size, sectorSize, sectors, bitmapOffset, bitmapLength, dataOffset } = header;
  const cowSize = cow.identity().size;
  const data = new DataMap(backing.fd);
  const bytesPerChunk = CHUNK / sectorSize / 8;
  for (let at = 0; at * 8 < sectors; at += WINDOW) {
    // the last sectors of some old files have no bits, and so are the backing file's
    const wanted = Math.max(0, Math.min(WINDOW, bitmapLength - at));
    const window = cow.readNow(wanted, bitmapOffset + at);
    if (window.length < wanted) throw truncated(cow.path, bitmapOffset + bitmapLength, cowSize, 'read-bitmap');
    for (let from = 0; from < WINDOW && (at + from) * 8 < sectors; from += bytesPerChunk) {
      const offset = (at + from) * 8 * sectorSize;
      const length = Math.min(CHUNK, size - offset);
      const bits = window.subarray(from, from + bytesPerChunk);
      const held = Math.min(lastSet(bits) * sectorSize, length);
      const needed = dataOffset + offset + held;
      if (held > 0 && needed > cowSize) throw truncated(cow.path, needed, cowSize, 'read-data');
      const isWanted = held > 0 || which === 'all' || (which === 'data' && !data.isHole(offset, offset + length));
      if (isWanted) yield { offset, length, bits };
    }
  }
}

/** The parts of a chunk that the COW file holds, in bytes from its start; close neighbours are one part. */
export function dirtyExtents(chunk: Chunk, sectorSize: number): Extent[] {
  const extents: Extent[] = [];
  const sectors = Math.ceil(chunk.length / sectorSize);
  for (let from = 0, to: number; from < sectors; from = to) {
    to = runEnd(chunk.bits, from, sectors);
    if (!hasBit(chunk.bits, from)) continue;
    const start = from * sectorSize;
    const end = Math.min(to * sectorSize, chunk.length);
    const last = extents.at(-1);
    if (last && start - last.end <= SMALL_GAP) last.end = end;
    else extents.push({ start, end });
  }
  return extents;
}

/**
 * The parts of a chunk that can be other than zeros: what the COW file holds, and where its backing file has data. They
 * are whole blocks, so that blocks of zeros are found in them.
 */
export function contentExtents(chunk: Chunk, sectorSize: number, backing: DataMap): Extent[] {
  const { offset, length } = chunk;
  const unit = Math.max(BLOCK, sectorSize);
  const below = backing.dataExtents(offset, offset + length);
  const parts = [
    ...dirtyExtents(chunk, sectorSize),
    ...below.map(({ start, end }) => ({ start: start - offset, end: end - offset })),
  ].sort((a, b) => a.start - b.start);
  const extents: Extent[] = [];
  for (const part of parts) {
    const start = Math.floor(part.start / unit) * unit;
    const end = Math.min(Math.ceil(part.end / unit) * unit, length);
    const last = extents.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else extents.push({ start, end });
  }
  return extents;
}

function truncated(path: string, expected: number, actual: number, step: MergeStep): CowError {
  return new CowError('truncated', path, { expected, actual, step });
}
