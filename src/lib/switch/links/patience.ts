import { constants } from 'node:os';
import { sleepMicroseconds, yieldCpu } from '../../os/index.ts';
import type { Counters } from '../counters.ts';
import { MAX_PORTS } from '../plane/forwarder.ts';

/** How often a frame to a full queue is tried again at once, with a chance for its receiver to run in between. */
const RETRIES = 20;
/** Then a few times more after a sleep, in microseconds: a receiver on another core may have to wake up first. */
const SLEEPS = 3;
const SLEEP = 50;
const { EAGAIN } = constants.errno;

/** Frames on their way, of which those from an index on are not sent yet. */
export interface Unsent {
  /** Tries those from `index` on: how many went, or the errno, negative. */
  sendFrom(index: number): number;
}

/**
 * What is done for ports whose queue is full: their receivers are let run for a moment, then frames are kept for them
 * (Backlog). A port that takes none all the same is stuck: nothing is done for it any more, so that it delays nobody,
 * until it takes a frame. One for all links, as port numbers are.
 */
export class Patience {
  readonly #counters: Counters;
  readonly #stuck = new Uint8Array(MAX_PORTS);

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  isStuck(port: number): boolean {
    return this.#stuck[port] === 1;
  }

  /**
   * Tries the frames from `index` on, of which the first is for a port whose queue is full, a few times more.
   * @returns what the last attempt gave
   */
  insist(unsent: Unsent, index: number): number {
    let result = -EAGAIN;
    for (let attempt = 0; attempt < RETRIES && result === -EAGAIN; attempt++) {
      yieldCpu();
      result = unsent.sendFrom(index);
    }
    for (let attempt = 0; attempt < SLEEPS && result === -EAGAIN; attempt++) {
      sleepMicroseconds(SLEEP);
      result = unsent.sendFrom(index);
    }
    return result;
  }

  /** A port took no frame in all the time that it had. */
  end(port: number): void {
    this.#set(port, 1);
  }

  /** A stuck port took a frame. */
  relieve(port: number): void {
    this.#set(port, 0);
  }

  /** The port is gone. */
  forget(port: number): void {
    this.#set(port, 0);
  }

  #set(port: number, stuck: 0 | 1): void {
    this.#stuck[port] = stuck;
    this.#counters.setStuck(port, stuck);
  }
}
