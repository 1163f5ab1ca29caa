import { hasBit, runEnd } from './bitmap.ts';
import type { CowHeader } from './header.ts';
import type { HeldFile } from './held.ts';

/** A read that changes sides more often than this is done as two large reads, mixed in memory. */
const MANY_RUNS = 8;

/** Reads an image as a guest sees it: each sector from the COW file or from its backing file. */
export class MergedReader {
  readonly #cow: Pick<HeldFile, 'read'>;
  readonly #backing: Pick<HeldFile, 'read'>;
  readonly #dataOffset: number;
  readonly #sectorSize: number;
  #scratch: Uint8Array | undefined;

  constructor(
    cow: Pick<HeldFile, 'read'>,
    backing: Pick<HeldFile, 'read'>,
    header: Pick<CowHeader, 'dataOffset' | 'sectorSize'>,
  ) {
    this.#cow = cow;
    this.#backing = backing;
    this.#dataOffset = header.dataOffset;
    this.#sectorSize = header.sectorSize;
  }

  /**
   * Fills `into` with the image from `offset`, which is at a sector.
   * @param bits bitmap that covers the range; it may change meanwhile
   * @param base the sector of its first bit, a multiple of 8
   */
  async read(bits: Uint8Array, base: number, offset: number, into: Uint8Array): Promise<void> {
    const size = this.#sectorSize;
    const start = offset / size - base;
    const end = start + Math.ceil(into.length / size);
    const parts: Promise<void>[] = [];
    for (let from = start, to: number; from < end; from = to) {
      const rest = (from - start) * size;
      if (parts.length === MANY_RUNS) {
        parts.push(this.#readMixed(bits, from, offset + rest, into.subarray(rest)));
        break;
      }
      to = runEnd(bits, from, end);
      parts.push(this.#readRun(offset + rest, into.subarray(rest, (to - start) * size), hasBit(bits, from)));
    }
    await all(parts);
  }

  #readRun(offset: number, into: Uint8Array, isInCow: boolean): Promise<void> {
    return isInCow ? this.#cow.read(into, this.#dataOffset + offset) : this.#backing.read(into, offset);
  }

  async #readMixed(bits: Uint8Array, start: number, offset: number, into: Uint8Array): Promise<void> {
    const size = this.#sectorSize;
    // a write may set bits while the reads are under way: what they mean for these reads is what they were before
    const skip = start % 8;
    const end = skip + Math.ceil(into.length / size);
    const before = bits.slice((start - skip) / 8, Math.ceil((start - skip + end) / 8));
    const scratch = this.#takeScratch(into.length);
    const ours = scratch.subarray(0, into.length);
    await all([this.#readRun(offset, into, false), this.#readRun(offset, ours, true)]);
    for (let from = skip, to: number; from < end; from = to) {
      to = runEnd(before, from, end);
      const at = (from - skip) * size;
      if (hasBit(before, from)) into.set(ours.subarray(at, (to - skip) * size), at);
    }
    this.#scratch = scratch;
  }

  #takeScratch(length: number): Uint8Array {
    const kept = this.#scratch;
    this.#scratch = undefined; // in use: a read at the same time makes its own
    return kept && kept.length >= length ? kept : new Uint8Array(length);
  }
}

/** Promise.all that waits for the slowest even if one fails: none may write into the caller's memory afterwards. */
async function all(parts: readonly Promise<void>[]): Promise<void> {
  if (parts.length === 1) return parts[0];
  for (const result of await Promise.allSettled(parts)) if (result.status === 'rejected') throw result.reason;
}
