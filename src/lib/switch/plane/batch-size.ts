import { BATCH } from './frame-slots.ts';

/** Frames in a small batch. */
const SMALL = 4;
/** So many batches in a row that were full mean that the queue does not run dry. */
const FULL_BATCHES = 32;

/**
 * How many frames to take at once while sender, switch and receiver run on cores of their own. A large batch costs less
 * a frame, but the first one waits for the last: a sender with few frames on the way then stands still while the switch
 * works, and the switch while the sender does. So batches are small until the queue is found to be always full.
 */
export class BatchSize {
  #most = BATCH;
  #full = 0;

  /** Frames to take next, after so many came when the last batch had been sent on. */
  after(came: number): number {
    this.#full = came < this.#most ? 0 : this.#full + 1;
    if (came === 0) this.#most = SMALL;
    else if (this.#full >= FULL_BATCHES) this.#most = BATCH;
    return this.#most;
  }
}
