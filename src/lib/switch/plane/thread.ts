import { Worker } from 'node:worker_threads';
import { asset, closeFd, connect, inBinary, OsError, send, socketAddress, unixSocket } from '../../os/index.ts';
import type { CaptureSetup } from '../capture/observer.ts';
import type { Counters } from '../counters.ts';
import type { LinkSpec } from '../links/index.ts';
import type { AddressInfo, Setting } from '../ports.ts';
import { listedAddresses } from './address.ts';
import type { PlaneCommand, PlaneReport, PlaneSetup, Question } from './messages.ts';

const WORKER_ASSET = 'switch-worker.cjs';

/** The thread that moves the frames, seen from the main thread. */
export interface Plane {
  /** Forwards between this port and the others from the moment it resolves. */
  add(port: number, link: LinkSpec): Promise<void>;
  /** Once it resolves the thread does not touch the port's descriptor any more, which may then be closed. */
  remove(port: number): Promise<void>;
  set(setting: Setting): void;
  /** What the address table knows, or forgets. */
  ask(question: Question): Promise<AddressInfo[]>;
  /** Captures frames, or none any more, from the moment it resolves. */
  capture(setup: CaptureSetup | undefined): Promise<void>;
  /** Ends the thread. */
  stop(): Promise<void>;
}

/** What the thread says of itself; the rest are answers. */
export type FrameReport = Exclude<PlaneReport, { report: 'added' | 'removed' | 'answer' | 'capturing' }>;

export interface PlaneOptions {
  kind: 'switch' | 'hub';
  /** The data socket: blocking, bound. It stays the caller's, who closes it after `stop`. */
  dataFd: number;
  counters: Counters;
  onReport: (report: FrameReport) => void;
  /** The thread died of an error: no frames move any more. */
  onFailure: (error: Error) => void;
}

export function startPlane({ kind, dataFd, counters, onReport, onFailure }: PlaneOptions): Plane {
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const wakeUp = unixSocket('dgram');
  connect(wakeUp, socketAddress(dataFd));
  const worker = startWorker({ kind, dataFd, bell: bell.buffer, counters: counters.shared });
  // Commands are answered in their order.
  const added: (() => void)[] = [];
  const removed: (() => void)[] = [];
  const asked = new Map<number, (addresses: AddressInfo[]) => void>();
  const capturing: (() => void)[] = [];
  let questions = 0;
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  void ended.then(() => {
    for (const done of removed) done();
  });
  // Node joins its threads when it exits, and this one sleeps in a system call until a frame comes.
  process.once('exit', ring);

  worker.on('message', (message: PlaneReport) => {
    if (message.report === 'added') added.shift()?.();
    else if (message.report === 'removed') removed.shift()?.();
    else if (message.report === 'capturing') capturing.shift()?.();
    else if (message.report === 'answer') {
      asked.get(message.id)?.(listedAddresses(message.addresses));
      asked.delete(message.id);
    } else onReport(message);
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

  return {
    add: (port, link) =>
      new Promise((resolve) => {
        added.push(resolve);
        command({ command: 'add', port, link });
      }),
    remove: (port) =>
      new Promise((resolve) => {
        removed.push(resolve);
        command({ command: 'remove', port });
      }),
    set: (setting) => command({ command: 'set', setting }),
    ask: (question) =>
      new Promise((resolve) => {
        const id = questions++;
        asked.set(id, resolve);
        command({ command: 'ask', id, question });
      }),
    capture: (setup) =>
      new Promise((resolve) => {
        capturing.push(resolve);
        command({ command: 'capture', setup });
      }),
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
