import { setImmediate } from 'node:timers/promises';
import { HumfsError } from './error.ts';

/** How long work is watched and stopped. */
export interface Watch {
  /** Told how far it is, in objects. */
  progress?: (done: number, total: number) => void;
  /** Stops the work between two objects, with HumfsError interrupted; what is half done is then left fit to be run again. */
  signal?: AbortSignal;
}

const STEPS = 64;

/** Runs synchronous work that yields after each object, leaving room for signals and everything else in between. */
export async function pace(work: Iterable<void>, signal: AbortSignal | undefined, step: () => void): Promise<void> {
  let steps = 0;
  for (const _ of work) {
    step();
    if (++steps % STEPS === 0) await setImmediate();
    if (signal?.aborted) throw new HumfsError('interrupted', '', {}, signal.reason);
  }
}
