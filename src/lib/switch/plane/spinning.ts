/**
 * The longest that a frame is looked out for before the thread sleeps, in ms. To be woken on another core costs tens of
 * microseconds, for the thread and for whoever wakes it: more than the frame itself.
 */
const LONGEST = 0.06;
/** The shortest. */
const SHORTEST = 0.02;
/** A look that took so long, in ms, was no look: another program wants this core. */
const DISTURBED = 0.2;
/** For so long, in ms, it is left to it; twice as long each time that it still wants it. */
const SHORTEST_TRUCE = 10;
const LONGEST_TRUCE = 640;

/**
 * How long it pays to look out for the next frame instead of sleeping. As halt polling in KVM (kvm_vcpu_halt): it grows
 * while frames follow each other soon, and ends with the first that does not, so that a switch with little to do sleeps.
 * All times are in ms of one clock.
 */
export class Spinning {
  /** How long to look out now; 0 for not at all. */
  window = 0;
  #truce = SHORTEST_TRUCE;
  #truceUntil = 0;

  /** The thread slept. */
  slept(began: number, now: number): void {
    if (now - began > LONGEST || now < this.#truceUntil) this.window = 0;
    else this.window = Math.min(LONGEST, Math.max(SHORTEST, 2 * this.window));
  }

  /** Looked once more, in vain. Whether to go on. */
  looked(began: number, before: number, now: number): boolean {
    if (now - before > DISTURBED) {
      this.#truce = now - this.#truceUntil > LONGEST_TRUCE ? SHORTEST_TRUCE : Math.min(LONGEST_TRUCE, 2 * this.#truce);
      this.#truceUntil = now + this.#truce;
      this.window = 0;
    }
    return now - began < this.window;
  }
}
