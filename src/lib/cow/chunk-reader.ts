import { hasBit, runEnd } from './bitmap.ts';
import { CHUNK, type Chunk } from './chunks.ts';
import type { Extent } from './extents.ts';
import type { HeldFile } from './held.ts';
import type { MergeSource } from './source.ts';

/** What lies between two parts is read with them up to this length: that is quicker than another read. */
const GAP = 64 << 10;
/** Parts that one read takes (IOV_MAX of Linux). */
const MAX_PARTS = 1024;

/** Reads parts of an image as a guest sees it into one buffer, with few calls: each file is read once over, past what is not wanted of it. */
export class ChunkReader {
  readonly #source: MergeSource;
  readonly #bytes: Buffer;
  /** Where goes what is not wanted. */
  readonly #between = Buffer.allocUnsafeSlow(GAP);

  constructor(source: MergeSource) {
    this.#source = source;
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(CHUNK, source.header.size));
  }

  /**
   * @param extents what is wanted of the chunk, in bytes from its start, upward; each begins at a sector
   * @returns the chunk, of which only the extents are what they are in the image; good until the next call
   */
  async read(chunk: Chunk, extents: readonly Extent[]): Promise<Buffer> {
    const { cow, backing, header } = this.#source;
    const { held, below } = sides(chunk, extents, header.sectorSize);
    const reads = [
      ...this.#gather(cow, header.dataOffset + chunk.offset, held),
      ...this.#gather(backing, chunk.offset, below),
    ];
    // all must have ended before the buffer may be used again
    for (const result of await Promise.allSettled(reads)) if (result.status === 'rejected') throw result.reason;
    return this.#bytes.subarray(0, chunk.length);
  }

  *#gather(file: HeldFile, position: number, extents: readonly Extent[]): Generator<Promise<void>> {
    let parts: Uint8Array[] = [];
    let first = 0;
    let end = 0;
    for (const extent of extents) {
      const gap = extent.start - end;
      if (parts.length > 0 && (gap > GAP || parts.length >= MAX_PARTS - 1)) {
        yield file.readParts(parts, position + first);
        parts = [];
      }
      if (parts.length === 0) first = extent.start;
      else parts.push(this.#between.subarray(0, gap));
      parts.push(this.#bytes.subarray(extent.start, extent.end));
      end = extent.end;
    }
    if (parts.length > 0) yield file.readParts(parts, position + first);
  }
}

/** Parts of a chunk by the file that has them: the COW file, or the backing file below it. */
function sides({ bits }: Chunk, extents: readonly Extent[], sectorSize: number): { held: Extent[]; below: Extent[] } {
  const held: Extent[] = [];
  const below: Extent[] = [];
  for (const { start, end } of extents) {
    const sectors = Math.ceil(end / sectorSize);
    for (let from = start / sectorSize, to: number; from < sectors; from = to) {
      to = runEnd(bits, from, sectors);
      const part = { start: from * sectorSize, end: Math.min(to * sectorSize, end) };
      (hasBit(bits, from) ? held : below).push(part);
    }
  }
  return { held, below };
}
