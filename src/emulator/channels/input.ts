import { read } from 'node:fs';
import { hasCode, readFd, type Watcher, watch } from '../../lib/os/index.ts';
import type { Endpoint } from './endpoint.ts';

const CHUNK = 4096;
/** Chunks taken at one wake-up, so that a flood on one channel leaves the others their turn. */
const CHUNKS_A_TURN = 16;

/** The input half of a channel. It stops by itself at the end of the file or when the file fails. */
export interface Input {
  pause(): void;
  resume(): void;
  close(): void;
}

export function openInput(endpoint: Endpoint, receive: (bytes: Uint8Array) => void): Input {
  return (endpoint.pollable ? watchedInput(endpoint, receive) : undefined) ?? fileInput(endpoint, receive);
}

/** Undefined where the event loop can't wait for the file, e.g. /dev/null. */
function watchedInput(endpoint: Endpoint, receive: (bytes: Uint8Array) => void): Input | undefined {
  const buffer = Buffer.alloc(CHUNK);
  let paused = false;
  let watcher: Watcher | undefined;

  const close = () => {
    if (!watcher) return;
    watcher.close();
    watcher = undefined;
    endpoint.release();
  };
  const readable = () => {
    for (let i = 0; i < CHUNKS_A_TURN && watcher && !paused; i++) {
      const length = readSome(endpoint.fd, buffer);
      if (length === undefined) return;
      if (length === 0) return close();
      receive(Uint8Array.prototype.slice.call(buffer, 0, length));
    }
  };
  try {
    watcher = watch(endpoint.fd, { readable });
  } catch (error) {
    if (hasCode(error, 'EPERM')) return undefined;
    throw error;
  }
  return {
    pause() {
      paused = true;
      watcher?.set({});
    },
    resume() {
      paused = false;
      watcher?.set({ readable });
    },
    close,
  };
}

/** Bytes read, undefined if nothing is there yet. A terminal that is gone is the end of its input. */
function readSome(fd: number, buffer: Uint8Array): number | undefined {
  try {
    return readFd(fd, buffer);
  } catch {
    return 0;
  }
}

/** Reads a file that never blocks for long, in the thread pool, piece after piece. */
function fileInput(endpoint: Endpoint, receive: (bytes: Uint8Array) => void): Input {
  let state: 'reading' | 'paused' | 'closed' = 'reading';
  let busy = false;

  const close = () => {
    if (state === 'closed') return;
    state = 'closed';
    if (!busy) endpoint.release();
  };
  const next = () => {
    if (busy || state !== 'reading') return;
    busy = true;
    read(endpoint.fd, Buffer.alloc(CHUNK), 0, CHUNK, null, (error, length, buffer) => {
      busy = false;
      if (state === 'closed') return endpoint.release();
      if (error || length === 0) return close();
      receive(buffer.subarray(0, length)); // what arrives after pause() is at most this one piece
      next();
    });
  };
  next();
  return {
    pause() {
      if (state === 'reading') state = 'paused';
    },
    resume() {
      if (state === 'paused') state = 'reading';
      next();
    },
    close,
  };
}
