import type { Counters } from '../counters.ts';
import type { PortKind } from '../ports.ts';
import { formatAddress } from './address.ts';
import type { AddressLog } from './address-book.ts';
import type { PlaneReport } from './messages.ts';

/** Lines about addresses in a second; a guest that invents addresses can't drown the log. */
const LINES_A_SECOND = 200;

interface Losses {
  link: PortKind;
  errno: number;
  frames: number;
}

/**
 * Turns what happens to frames into reports, at a rate that a reader and the main thread can bear. The C switch writes
 * a line for every frame that is lost or flooded.
 */
export class Reporter implements AddressLog {
  readonly #post: (report: PlaneReport) => void;
  readonly #counters: Counters;
  readonly #clock: () => number;
  #second = 0;
  #lines = 0;
  #leftOut = 0;
  #strangerSeen = false;
  /** Ports that lost frames in this second, and how many of those are not yet reported. */
  readonly #losses = new Map<number, Losses>();

  /** `clock` gives seconds. */
  constructor(post: (report: PlaneReport) => void, counters: Counters, clock: () => number) {
    this.#post = post;
    this.#counters = counters;
    this.#clock = clock;
  }

  /** Something waits for the next second: `catchUp` must be called then, even if no frame comes. */
  get pending(): boolean {
    return this.#losses.size > 0 || this.#leftOut > 0;
  }

  learned(low: number, high: number, port: number, oldPort: number | undefined): void {
    if (!this.#mayWrite()) return;
    this.#post({ report: 'learned', address: formatAddress(low, high), port, oldPort });
  }

  unknown(low: number, high: number, port: number): void {
    if (!this.#mayWrite()) return;
    this.#post({ report: 'unknown', address: formatAddress(low, high), port });
  }

  flapping(low: number, high: number, port: number, other: number): void {
    this.#post({ report: 'flapping', address: formatAddress(low, high), port, other });
  }

  settled(low: number, high: number, port: number): void {
    this.#post({ report: 'settled', address: formatAddress(low, high), port });
  }

  loop(port: number, other: number): void {
    this.#post({ report: 'loop', port, other });
  }

  loopOver(): void {
    this.#post({ report: 'loop-over' });
  }

  stranger(): void {
    this.catchUp();
    if (this.#strangerSeen) return;
    this.#strangerSeen = true;
    this.#post({ report: 'stranger' });
  }

  /** A frame of `length` bytes that a link had accepted could not be sent. */
  lost(port: number, link: PortKind, errno: number, length: number): void {
    this.#counters.lost(port, length);
    this.catchUp();
    const losses = this.#losses.get(port);
    if (losses) {
      losses.frames++;
      losses.errno = errno;
      return;
    }
    this.#losses.set(port, { link, errno, frames: 0 });
    this.#post({ report: 'lost', port, link, errno, frames: 1 });
  }

  /** With each new second the counts of the last are reported. */
  catchUp(): void {
    const second = Math.floor(this.#clock());
    if (second === this.#second) return;
    this.#second = second;
    this.#lines = 0;
    this.#strangerSeen = false;
    if (this.#leftOut > 0) this.#post({ report: 'left-out', lines: this.#leftOut });
    this.#leftOut = 0;
    for (const [port, losses] of this.#losses) {
      if (losses.frames === 0) this.#losses.delete(port);
      else this.#post({ report: 'lost', port, ...losses });
      losses.frames = 0;
    }
  }

  /** A port is gone, its losses with it. */
  forgetPort(port: number): void {
    this.#losses.delete(port);
  }

  #mayWrite(): boolean {
    this.catchUp();
    if (this.#lines < LINES_A_SECOND) {
      this.#lines++;
      return true;
    }
    this.#leftOut++;
    return false;
  }
}
