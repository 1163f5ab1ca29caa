import { setImmediate } from 'node:timers/promises';
import { HumfsError } from './error.ts';

/** How long work is watched and stopped. */
export interface Watch {
  /** Told how far it is, in objects. */
  progress?: (done: number, total: number) => void;
  /** Stops the work between two objects, with HumfsError interrupted; what is half done is then left fit to be run again. */
  signal?: AbortSignal;
}

/** Synchronous work on a tree: yields nothing after each object, and for a directory further down the work on that. */
export type Work = Generator<Work | undefined, void, void>;

const STEPS = 64;

/** Runs work to its end, leaving room for signals and everything else in between. */
export async function pace(work: Work, signal: AbortSignal | undefined, step: () => void): Promise<void> {
  const stack = [work]; // with yield* a deep tree would be too much for the stack of calls
  let steps = 0;
  try {
    for (let current = stack.at(-1); current; current = stack.at(-1)) {
      const { done, value: inner } = current.next();
      if (done) stack.pop();
      else if (inner) stack.push(inner);
      else {
        step();
        if (++steps % STEPS === 0) await setImmediate();
        if (signal?.aborted) throw new HumfsError('interrupted', '', {}, signal.reason);
      }
    }
  } finally {
    for (const unfinished of stack.reverse()) unfinished.return();
  }
}
