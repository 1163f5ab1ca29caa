import { write } from 'node:fs';
import { hasCode, type Watcher, watch, writeFd } from '../../lib/os/index.ts';
import type { Endpoint } from './endpoint.ts';

/** Bytes waiting from which on the writer is asked to stop. */
const HIGH_WATER = 64 * 1024;
/** Bytes waiting at most; a writer that doesn't stop loses what it writes beyond. */
const LIMIT = 1024 * 1024;

/** The output half of a channel. When its file fails (a closed pipe, a terminal that is gone) it swallows everything. */
export interface Output {
  /** Queues bytes. False: stop until `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** Everything that was queued is written, or lost with its file. */
  flush(): Promise<void>;
  /** Lets go of the file; what is still queued is lost. */
  close(): void;
}

export function openOutput(endpoint: Endpoint, onDrain: () => void): Output {
  const queue = new ByteQueue();
  let open = true;
  let full = false;
  let flushing: (() => void)[] = [];

  const settle = () => {
    const waiters = flushing;
    flushing = [];
    for (const resolve of waiters) resolve();
  };
  const events: PumpEvents = {
    empty() {
      settle();
      if (!full) return;
      full = false;
      onDrain();
    },
    failed() {
      open = false;
      queue.clear();
      events.empty();
    },
  };
  const pump =
    (endpoint.pollable ? polledPump(endpoint, queue, events) : undefined) ?? filePump(endpoint, queue, events);
  return {
    write(bytes) {
      if (!open || bytes.length === 0) return true;
      if (queue.size + bytes.length <= LIMIT) {
        queue.push(bytes);
        pump.run();
      }
      full ||= queue.size >= HIGH_WATER;
      return !full;
    },
    flush: () => (queue.size === 0 ? Promise.resolve() : new Promise((resolve) => flushing.push(resolve))),
    close() {
      open = false;
      queue.clear();
      settle();
      pump.close();
    },
  };
}

class ByteQueue {
  size = 0;
  readonly #pieces: Uint8Array[] = [];

  get front(): Uint8Array | undefined {
    return this.#pieces[0];
  }

  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.size += bytes.length;
  }

  /** Removes bytes from the front piece. */
  take(length: number): void {
    const front = this.#pieces[0];
    if (!front) return;
    this.size -= length;
    if (length < front.length) this.#pieces[0] = front.subarray(length);
    else this.#pieces.shift();
  }

  clear(): void {
    this.#pieces.length = 0;
    this.size = 0;
  }
}

/** Moves a queue into a file, as fast as the file takes it. */
interface Pump {
  run(): void;
  /** Lets go of the file. */
  close(): void;
}

interface PumpEvents {
  empty(): void;
  failed(): void;
}

/** For a non-blocking descriptor; undefined where the event loop can't wait for it, e.g. /dev/null. */
function polledPump(endpoint: Endpoint, queue: ByteQueue, events: PumpEvents): Pump | undefined {
  let watcher: Watcher | undefined;
  try {
    watcher = watch(endpoint.fd, {});
  } catch (error) {
    if (hasCode(error, 'EPERM')) return undefined;
    throw error;
  }
  let waiting = false;
  const writable = () => {
    waiting = false;
    run();
  };
  const close = () => {
    if (!watcher) return;
    watcher.close();
    watcher = undefined;
    endpoint.release();
  };
  const run = () => {
    if (waiting) return;
    for (let front = queue.front; front && watcher; front = queue.front) {
      const taken = writeSome(endpoint.fd, front);
      if (taken === 'failed') {
        close();
        return events.failed();
      }
      if (taken === 0) {
        waiting = true;
        watcher.set({ writable });
        return;
      }
      queue.take(taken);
    }
    watcher?.set({});
    events.empty();
  };
  return { run, close };
}

/** Bytes written, 0 if none would go without waiting. */
function writeSome(fd: number, bytes: Uint8Array): number | 'failed' {
  try {
    return writeFd(fd, bytes) ?? 0;
  } catch {
    return 'failed';
  }
}

/** For a file that never blocks for long: writes in the thread pool, at the file's own position. */
function filePump(endpoint: Endpoint, queue: ByteQueue, events: PumpEvents): Pump {
  let busy = false;
  let closed = false;
  const run = () => {
    const front = queue.front;
    if (busy || !front) return;
    busy = true;
    write(endpoint.fd, front, 0, front.length, null, (error, taken) => {
      busy = false;
      if (closed) return endpoint.release();
      if (error) return events.failed();
      queue.take(taken);
      if (queue.front) run();
      else events.empty();
    });
  };
  return {
    run,
    close() {
      if (closed) return;
      closed = true;
      if (!busy) endpoint.release();
    },
  };
}
