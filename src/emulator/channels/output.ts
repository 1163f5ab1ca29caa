import { write } from 'node:fs';
import { hasCode, type Watcher, watch, writeFd } from '../../lib/os/index.ts';
import type { Endpoint } from './endpoint.ts';

/** Bytes waiting from which on the writer is asked to stop. */
const HIGH_WATER = 64 * 1024;
/** Bytes waiting at most; a writer that doesn't stop loses what it writes beyond. */
const LIMIT = 1024 * 1024;
/** Pieces are joined up to this many bytes for one write(2): the guest's driver sends a console's output by 16. */
const JOINED = 16 * 1024;

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
  let planned = false;
  /** Runs the pump when the machine has had its turn, with all that it wrote. */
  const plan = () => {
    if (planned) return;
    planned = true;
    queueMicrotask(() => {
      planned = false;
      pump.run();
    });
  };
  return {
    write(bytes) {
      if (!open || bytes.length === 0) return true;
      if (queue.size + bytes.length <= LIMIT) {
        queue.push(bytes);
        plan();
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

  /** What comes first, in a piece of a good size. */
  get front(): Uint8Array | undefined {
    let size = this.#pieces[0]?.length ?? 0;
    let count = 1;
    for (; count < this.#pieces.length && size < JOINED; count++) size += this.#pieces[count]!.length;
    if (count > 1) this.#pieces.unshift(Buffer.concat(this.#pieces.splice(0, count)));
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
    watcher?.set({});
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
    const front = busy ? undefined : queue.front;
    if (!front) return;
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
