import { lastSet } from './bitmap.ts';
import { CHUNK, type Chunk, chunksOf } from './chunks.ts';
import { CowError } from './error.ts';
import { DataMap } from './extents.ts';
import { HEADER_BYTES, hasMagic, SECTOR } from './header.ts';
import { type HeldFile, hold } from './held.ts';
import { MergedReader } from './merged.ts';
import { type MergeSource, openSource, type SourceOptions } from './source.ts';

/** How a long piece of work tells how far it is, and is stopped. */
export interface Watch {
  /** Called now and then with the bytes of the image that are behind, of how many. */
  progress?: (done: number, total: number) => void;
  /** Stops the work: it rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** An image as a guest sees it, to be read piece by piece: a COW file with its backing file, or one plain file. */
export class Image {
  readonly path: string;
  readonly size: number;
  /** The inode of the file that everything comes from that no COW file holds. */
  readonly baseKey: string;
  readonly #source: MergeSource | undefined;
  readonly #base: HeldFile;
  readonly #sectorSize: number;
  readonly #reader: MergedReader;
  readonly #holes: DataMap;

  private constructor(base: HeldFile, source?: MergeSource) {
    this.#base = base;
    this.#source = source;
    this.path = source?.cow.path ?? base.path;
    const identity = base.identity();
    this.size = source?.header.size ?? identity.size;
    this.baseKey = identity.key;
    this.#sectorSize = source?.header.sectorSize ?? SECTOR;
    this.#reader = new MergedReader(source?.cow ?? base, base, {
      dataOffset: source?.header.dataOffset ?? 0,
      sectorSize: this.#sectorSize,
    });
    this.#holes = new DataMap(base.fd);
  }

  /** A plain file or block device; it is closed by whoever opened it. */
  static ofFile(file: HeldFile): Image {
    return new Image(file);
  }

  /** A COW file and its backing file, closed by whoever opened them. */
  static ofSource(source: MergeSource): Image {
    return new Image(source.backing, source);
  }

  /** All of it, upward, in pieces of CHUNK bytes; the last may be shorter. */
  chunks(): Generator<Chunk> {
    return this.#source ? chunksOf(this.#source, 'all') : wholeChunks(this.size);
  }

  /** Whether a piece is known to read as zeros. */
  isHole(chunk: Chunk): boolean {
    return !holdsAny(chunk) && this.#holes.isHole(chunk.offset, chunk.offset + chunk.length);
  }

  /** Fills `into` with a piece, from its beginning. What lies past the end of the image is zeros. */
  async read(chunk: Chunk, into: Buffer): Promise<void> {
    if (this.#source) await this.#reader.read(chunk.bits, chunk.offset / this.#sectorSize, chunk.offset, into);
    else await this.#base.read(into, chunk.offset);
  }
}

/** Whether the COW file holds anything of a piece. */
export function holdsAny(chunk: Chunk): boolean {
  return lastSet(chunk.bits) > 0;
}

function* wholeChunks(size: number): Generator<Chunk> {
  const bits = new Uint8Array(0);
  for (let offset = 0; offset < size; offset += CHUNK) {
    yield { offset, length: Math.min(CHUNK, size - offset), bits };
  }
}

/**
 * Opens an image of any kind to be read, with UML's read locks.
 * @param options what to take as the backing file, if it is a COW file
 * @throws CowError
 */
export async function openImage(options: SourceOptions): Promise<{ image: Image; close(): void }> {
  const file = hold(options.cow, 'read', 'read');
  if (!hasMagic(file.readNow(HEADER_BYTES, 0))) return { image: Image.ofFile(file), close: () => file.close() };
  try {
    const source = await openSource(options, 'read', 'read');
    return { image: Image.ofSource(source), close: () => source.close() };
  } finally {
    file.close();
  }
}

/**
 * Reads two images side by side and hands over the pieces that may differ, each read whole.
 * @param handle gets a piece of both; the bytes are good until it resolves. It is called for one piece after the other.
 * @throws CowError, or the signal's reason
 */
export async function compareImages(
  a: Image,
  b: Image,
  { progress, signal }: Watch,
  handle: (chunk: Chunk, ofA: Buffer, ofB: Buffer) => void | Promise<void>,
): Promise<void> {
  const size = Math.min(a.size, b.size);
  const [buffers, chunksOfA, chunksOfB] = [[buffer(size), buffer(size)] as const, a.chunks(), b.chunks()];
  for (let offset = 0; offset < size; offset += CHUNK) {
    const [inA, inB] = [next(chunksOfA, a), next(chunksOfB, b)];
    const isSame = a.baseKey === b.baseKey && !holdsAny(inA) && !holdsAny(inB);
    if (!isSame && !(a.isHole(inA) && b.isHole(inB))) {
      const length = Math.min(inA.length, inB.length);
      const [ofA, ofB] = [buffers[0].subarray(0, length), buffers[1].subarray(0, length)];
      await Promise.all([a.read(inA, ofA), b.read(inB, ofB)]);
      if (!ofA.equals(ofB)) await handle(inA, ofA, ofB);
    }
    await new Promise(setImmediate); // what comes from the page cache never waits: let signals in
    signal?.throwIfAborted();
    progress?.(Math.min(offset + CHUNK, size), size);
  }
}

function buffer(size: number): Buffer {
  return Buffer.allocUnsafeSlow(Math.min(CHUNK, size));
}

function next(chunks: Iterator<Chunk>, image: Image): Chunk {
  const { value } = chunks.next();
  if (value === undefined) throw new CowError('truncated', image.path, { expected: image.size, actual: 0 });
  return value as Chunk;
}
