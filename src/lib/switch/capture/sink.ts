import { closeSync, constants, fstatSync, ftruncateSync, openSync, type Stats, writeSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { duplicateFd, errorText, hasCode } from '../../os/index.ts';
import { CaptureError } from './error.ts';

/** Where a capture is written to. */
export interface Sink {
  /** Writes whole blocks. @throws CaptureError */
  write(blocks: Uint8Array): void;
  /** Bytes that were written and not yet taken. */
  readonly waiting: number;
  /** Resolves when all is written and closed, or can't be any more. */
  end(): Promise<void>;
  /** Called once when it can take nothing more. */
  onFailure: (reason: string) => void;
}

const MODE = 0o600;

/**
 * A file, which is emptied or made, or a FIFO that somebody reads.
 * @throws CaptureError OPEN
 */
export async function openSink(path: string): Promise<Sink> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK | constants.O_NOCTTY;
  let fd: number;
  try {
    fd = openSync(path, flags, MODE);
  } catch (error) {
    const reason = hasCode(error, 'ENXIO') ? 'nobody reads from it' : errorText(error);
    throw new CaptureError('OPEN', path, reason);
  }
  return sinkOf(fd, path, fstatSync(fd), { ours: true });
}

/**
 * An open descriptor, which stays the caller's: a file, a pipe or a socket.
 * @throws CaptureError OPEN for a terminal
 */
export async function sinkOfDescriptor(fd: number, name: string): Promise<Sink> {
  const stats = fstatSync(fd);
  if (stats.isCharacterDevice() && (await import('node:tty')).isatty(fd)) {
    throw new CaptureError('OPEN', name, 'a capture is not for a terminal');
  }
  return sinkOf(stats.isFIFO() ? pipeAnew(fd) : duplicateFd(fd), name, stats, { ours: false });
}

/** The pipe behind a descriptor as an open file of our own: making it non-blocking must not change everybody's. */
function pipeAnew(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return duplicateFd(fd); // another user's pipe
  }
}

async function sinkOf(fd: number, name: string, stats: Stats, { ours }: { ours: boolean }): Promise<Sink> {
  if (!stats.isFIFO() && !stats.isSocket()) return new FileSink(fd, name, ours && stats.isFile());
  const { Socket } = await import('node:net');
  return new StreamSink(new Socket({ fd, readable: false, writable: true }));
}

/** Files are written at once. */
class FileSink implements Sink {
  readonly waiting = 0;
  onFailure: Sink['onFailure'] = () => {};
  readonly #fd: number;
  readonly #name: string;
  /** It holds nothing but what was written here. */
  readonly #isOurs: boolean;
  #length = 0;

  constructor(fd: number, name: string, isOurs: boolean) {
    this.#fd = fd;
    this.#name = name;
    this.#isOurs = isOurs;
  }

  write(blocks: Uint8Array): void {
    try {
      for (let done = 0; done < blocks.length; ) done += writeSync(this.#fd, blocks, done);
    } catch (error) {
      this.#removeTorn();
      throw new CaptureError('WRITE', this.#name, errorText(error));
    }
    this.#length += blocks.length;
  }

  /** A full disk takes half a block, which no reader could read. */
  #removeTorn(): void {
    try {
      if (this.#isOurs) ftruncateSync(this.#fd, this.#length);
    } catch {
      // what is wrong with the file is told by the error that brought us here
    }
  }

  async end(): Promise<void> {
    closeSync(this.#fd);
  }
}

/** How long a reader may take for what still waits at the end, in ms. */
const END_MS = 1000;
const READER_LEFT = 'its reader has left';

/** A pipe or socket, whose reader may be slow or leave. */
export class StreamSink implements Sink {
  onFailure: Sink['onFailure'] = () => {};
  readonly #stream: Duplex;
  readonly #closed: Promise<void>;
  #failed = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#closed = new Promise((resolve) => stream.once('close', () => resolve()));
    stream.on('error', (error) => this.#fail(hasCode(error, 'EPIPE', 'ECONNRESET') ? READER_LEFT : errorText(error)));
    stream.once('close', () => this.#fail(READER_LEFT));
  }

  #fail(reason: string): void {
    if (this.#failed) return;
    this.#failed = true;
    this.onFailure(reason);
  }

  write(blocks: Uint8Array): void {
    if (this.#stream.destroyed) this.#fail(READER_LEFT);
    if (!this.#failed) this.#stream.write(blocks);
  }

  get waiting(): number {
    return this.#stream.writableLength;
  }

  async end(): Promise<void> {
    this.#failed = true; // nobody has to be told any more
    if (this.#stream.destroyed) return;
    const timer = setTimeout(() => this.#stream.destroy(), END_MS);
    this.#stream.end(() => this.#stream.destroy());
    await this.#closed;
    clearTimeout(timer);
  }
}
