import { Worker } from 'node:worker_threads';
import { asset, closeFd, connect, inBinary, OsError, send, socketAddress, unixSocket } from '../../os/index.ts';
import type { PlaneCommand, PlaneReport, PlaneSetup } from './messages.ts';

const WORKER_ASSET = 'switch-worker.cjs';

/** The thread that moves the frames, seen from the main thread. */
export interface Plane {
  /** Forwards between this client, by its 110-byte data address, and the other ports from the moment it resolves. */
  addClient(port: number, address: Uint8Array): Promise<void>;
  addTap(port: number, fd: number): Promise<void>;
  remove(port: number): void;
  /** Ends the thread. */
  stop(): Promise<void>;
}

export interface PlaneOptions {
  kind: 'switch' | 'hub';
  /** The data socket: blocking, bound. It stays the caller's, who closes it after `stop`. */
  dataFd: number;
  onReport: (report: Exclude<PlaneReport, { report: 'added' }>) => void;
  /** The thread died of an error: no frames move any more. */
  onFailure: (error: Error) => void;
}

export function startPlane({ kind, dataFd, onReport, onFailure }: PlaneOptions): Plane {
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const wakeUp = unixSocket('dgram');
  connect(wakeUp, socketAddress(dataFd));
  const worker = startWorker({ kind, dataFd, bell: bell.buffer });
  const added = new Map<number, () => void>();
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  // Node joins its threads when it exits, and this one sleeps in a system call until a frame comes.
  process.once('exit', ring);

  worker.on('message', (message: PlaneReport) => {
    if (message.report !== 'added') return onReport(message);
    added.get(message.port)?.();
    added.delete(message.port);
  });
  worker.once('error', onFailure);

  function ring(): void {
    Atomics.store(bell, 0, 1);
    try {
      // Fails only while the queue is full of frames, and then the thread is awake.
      send(wakeUp, new Uint8Array(0));
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
    }
  }

  function command(message: PlaneCommand): void {
    worker.postMessage(message);
    ring();
  }

  function add(message: PlaneCommand & { port: number }): Promise<void> {
    return new Promise((resolve) => {
      added.set(message.port, resolve);
      command(message);
    });
  }

  return {
    addClient: (port, address) => add({ command: 'add-client', port, address }),
    addTap: (port, fd) => add({ command: 'add-tap', port, fd }),
    remove: (port) => command({ command: 'remove', port }),
    async stop() {
      command({ command: 'stop' });
      await ended;
      process.removeListener('exit', ring);
      closeFd(wakeUp);
    },
  };
}

/** In the binary there is no file to start a thread from, and the sources are TypeScript. */
function startWorker(setup: PlaneSetup): Worker {
  const options = { workerData: setup };
  if (typeof __BUNDLED__ === 'undefined')
    return new Worker(new URL('worker-from-sources.mjs', import.meta.url), options);
  if (!inBinary) return new Worker(new URL(`assets/${WORKER_ASSET}`, import.meta.url), options);
  const source = asset(WORKER_ASSET);
  if (!source) throw new Error(`this binary was built without ${WORKER_ASSET}`);
  return new Worker(Buffer.from(source).toString(), { ...options, eval: true });
}
