import type { Report } from './backing.ts';
import { ChunkReader } from './chunk-reader.ts';
import { type Chunk, chunksOf, type Which } from './chunks.ts';
import type { Extent } from './extents.ts';
import type { HeldFile } from './held.ts';
import { during, type MergeSource, type SourceOptions } from './source.ts';

/** Chunks under way at a time: one is read while others are written. */
const WORKERS = 3;
/** Up to here a write is done at once: the page cache takes it faster than a thread can be woken. */
const INLINE_LIMIT = 64 << 10;
/** Data written since the last sync at which the disk is set to work, so that the last sync is short. */
const SYNC_EVERY = 64 << 20;

export interface MergeOptions extends SourceOptions {
  /** Called now and then with the bytes of the image that are behind, of how many. */
  progress?: (done: number, total: number) => void;
  /** Stops the merge: it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Takes the C tool's messages, one a call. */
  report?: Report;
}

/** Reads parts of a piece of the merged image, as ChunkReader does. */
export type ReadChunk = (chunk: Chunk, extents: readonly Extent[]) => Promise<Buffer>;

/** Hands each piece of an image to `handle`, several at a time. */
export async function forEachChunk(
  source: MergeSource,
  which: Which,
  { progress, signal }: MergeOptions,
  handle: (chunk: Chunk, read: ReadChunk) => Promise<void>,
): Promise<void> {
  const chunks = chunksOf(source, which);
  const { size } = source.header;
  let failed = false;
  const work = async () => {
    const reader = new ChunkReader(source);
    const read: ReadChunk = (chunk, extents) => during('read-data', () => reader.read(chunk, extents));
    for (const chunk of chunks) {
      if (failed) return;
      await new Promise(setImmediate); // what comes from the page cache never waits: let signals in
      signal?.throwIfAborted();
      await handle(chunk, read);
      progress?.(chunk.offset + chunk.length, size);
    }
  };
  const workers = Array.from({ length: WORKERS }, () =>
    work().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  // all must have ended before the files may be closed
  for (const result of await Promise.allSettled(workers)) if (result.status === 'rejected') throw result.reason;
  progress?.(size, size);
}

/** The file that a merge writes. */
export class MergeTarget {
  readonly #file: HeldFile;
  readonly #diskWorks: 'meanwhile' | 'at the end';
  #unsynced = 0;
  #syncing: Promise<void> | undefined;

  constructor(file: HeldFile, diskWorks: 'meanwhile' | 'at the end') {
    this.#file = file;
    this.#diskWorks = diskWorks;
  }

  async write(bytes: Buffer, offset: number): Promise<void> {
    await during('write-data', async () => {
      if (bytes.length <= INLINE_LIMIT) this.#file.writeNow(bytes, offset);
      else await this.#file.write(bytes, offset);
    });
    this.#unsynced += bytes.length;
    if (this.#diskWorks === 'at the end' || this.#unsynced < SYNC_EVERY || this.#syncing) return;
    this.#unsynced = 0;
    this.#syncing = this.#file
      .sync()
      .catch(() => {}) // it fails again at the end
      .finally(() => {
        this.#syncing = undefined;
      });
  }

  /** Waits until nothing is under way, so that the file can be closed. */
  async settle(): Promise<void> {
    await this.#syncing;
  }

  /** All that was written is durable when it resolves. */
  async sync(): Promise<void> {
    await this.settle();
    await during('write-data', () => this.#file.sync());
  }
}
