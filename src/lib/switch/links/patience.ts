import { constants } from 'node:os';
import { sleepMicroseconds, yieldCpu } from '../../os/index.ts';
import type { Counters } from '../counters.ts';
import { MAX_PORTS } from '../plane/forwarder.ts';

/** How often a frame to a full queue is tried again at once, with a chance for its receiver to run in between. */
const RETRIES = 20;
/**
 * Then it is waited for, so many microseconds at a time. A guest takes its frames in turns of about a millisecond, and
 * later on a busy host; one that takes none for so many milliseconds is stuck.
 */
const PAUSE = 100;
const PATIENCE = 25;
/**
 * The share of all time that may go into waiting for one port, and how many milliseconds it may be in advance: a slow
 * reader slows the others down, but no further.
 */
const WAITING_SHARE = 0.6;
const ADVANCE = 200;
const { EAGAIN } = constants.errno;

/** Frames on their way, of which those from an index on are not sent yet. */
export interface Unsent {
  /** Tries those from `index` on: how many went, or the errno, negative. */
  sendFrom(index: number): number;
}

/**
 * How long the switch waits for ports whose queue is full. A port that used up this patience in vain is stuck: it is
 * waited for no more, so that it delays nobody, until it takes a frame. One for all links, as port numbers are.
 */
export class Patience {
  readonly #counters: Counters;
  readonly #stuck = new Uint8Array(MAX_PORTS);
  /** Milliseconds of waiting that a port has had in advance of its share, and when that was reckoned. */
  readonly #waited = new Float64Array(MAX_PORTS);
  readonly #reckoned = new Float64Array(MAX_PORTS);

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  isStuck(port: number): boolean {
    return this.#stuck[port] === 1;
  }

  /**
   * Tries the frames from `index` on, of which the first is for a port whose queue is full.
   * @returns what the last attempt gave; with -EAGAIN the port is stuck from now on
   */
  insist(port: number, unsent: Unsent, index: number): number {
    let result = -EAGAIN;
    for (let attempt = 0; attempt < RETRIES && result === -EAGAIN; attempt++) {
      yieldCpu();
      result = unsent.sendFrom(index);
    }
    if (result === -EAGAIN) result = this.#wait(port, unsent, index);
    if (result === -EAGAIN) this.#setStuck(port, 1);
    return result;
  }

  /** A stuck port took a frame. */
  relieve(port: number): void {
    this.#setStuck(port, 0);
  }

  /** The port is gone. */
  forget(port: number): void {
    this.#setStuck(port, 0);
    this.#waited[port] = 0;
  }

  #setStuck(port: number, stuck: 0 | 1): void {
    this.#stuck[port] = stuck;
    this.#counters.setStuck(port, stuck);
  }

  /** Tries for as long as the port may be waited for. The result of the last attempt. */
  #wait(port: number, unsent: Unsent, index: number): number {
    const began = performance.now();
    const recovered = (began - this.#reckoned[port]!) * WAITING_SHARE;
    const used = Math.max(0, this.#waited[port]! - recovered);
    const end = began + Math.min(PATIENCE, ADVANCE - used);
    let result = -EAGAIN;
    let now = began;
    for (; result === -EAGAIN && now < end; now = performance.now()) {
      sleepMicroseconds(PAUSE);
      result = unsent.sendFrom(index);
    }
    this.#waited[port] = used + now - began;
    this.#reckoned[port] = began;
    return result;
  }
}
