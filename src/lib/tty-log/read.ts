import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { TtyLogError } from './error.ts';
import { decodeRecord, type TtyRecord } from './record.ts';

const CHUNK = 64 << 10;
/** A followed log is looked at after so many milliseconds even if the file system did not tell of a change (NFS). */
const LOOK_INTERVAL = 1000;

export interface ReadOptions {
  /** At the end of the log, wait for more, for ever. */
  follow?: true;
  /** Ends the waiting, and the records. */
  signal?: AbortSignal;
}

export type Log = (options?: ReadOptions) => AsyncGenerator<TtyRecord, void, undefined>;

/**
 * A tty log whose records can be gone through several times, as by `readRecords`. What comes through a pipe, e.g. from
 * zcat, is read to its end first and kept in memory, and can't be followed.
 * @throws errors of node:fs
 */
export async function openLog(path: string): Promise<Log> {
  if ((await stat(path)).isFile()) return (options) => readRecords(path, options);
  const kept: TtyRecord[] = [];
  let end: TtyLogError | undefined;
  try {
    for await (const record of readRecords(path)) kept.push(record);
  } catch (error) {
    if (!(error instanceof TtyLogError)) throw error;
    end = error;
  }
  return async function* () {
    yield* kept;
    if (end) throw end;
  };
}

/**
 * The records of a tty log, read as they are asked for.
 * @throws TtyLogError MALFORMED; TRUNCATED after the last whole record; SHRUNK; errors of node:fs
 */
export async function* readRecords(
  path: string,
  { follow, signal }: ReadOptions = {},
): AsyncGenerator<TtyRecord, void, undefined> {
  const file = await open(path, 'r');
  try {
    let rest = Buffer.alloc(0);
    let offset = 0;
    for (let needed = 0; ; ) {
      if (rest.length >= needed) {
        const { record, size } = decodeRecord(rest, offset);
        needed = record ? 0 : size;
        if (!record) continue;
        rest = rest.subarray(size);
        offset += size;
        yield record;
        continue;
      }
      const more = await readChunk(file, needed - rest.length);
      if (more.length > 0) rest = Buffer.concat([rest, more]);
      else if (follow && !signal?.aborted) await growth(path, file, offset + rest.length, signal);
      else if (rest.length === 0 || follow) return;
      else throw truncated(offset, rest.length, needed);
    }
  } finally {
    await file.close();
  }
}

async function readChunk(file: FileHandle, needed: number): Promise<Buffer> {
  const chunk = Buffer.alloc(Math.max(CHUNK, needed));
  const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
  return chunk.subarray(0, bytesRead);
}

function truncated(offset: number, present: number, needed: number): TtyLogError {
  return new TtyLogError(
    'TRUNCATED',
    offset,
    `it ends in the middle of a record: ${present} bytes of ${needed} are there from byte ${offset} on`,
  );
}

/** Waits until the log is longer than it was, or the signal. */
function growth(path: string, file: FileHandle, size: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearInterval(timer);
      watcher?.close();
      signal?.removeEventListener('abort', look);
      settle();
    };
    const look = () => {
      file.stat().then(
        ({ size: now }) => {
          if (now < size) finish(() => reject(shrunk(size, now)));
          else if (now > size || signal?.aborted) finish(resolve);
        },
        (error) => finish(() => reject(error)),
      );
    };
    const timer = setInterval(look, LOOK_INTERVAL);
    const watcher = changesOf(path, look);
    signal?.addEventListener('abort', look);
    look();
  });
}

/** Undefined where the file system or the user's limit gives no watch: the interval is enough then. */
function changesOf(path: string, look: () => void): FSWatcher | undefined {
  try {
    return watch(path, look).on('error', () => {});
  } catch {
    return undefined;
  }
}

function shrunk(size: number, now: number): TtyLogError {
  return new TtyLogError('SHRUNK', now, `it has been cut to ${now} bytes, ${size} were there`);
}
