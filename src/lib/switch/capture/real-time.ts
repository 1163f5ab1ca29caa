const HIGH_WORD = 2 ** 32;
const NS_PER_MS = 1_000_000;
/** How often the clocks are compared, in ms. */
const CHECK_MS = 1000;
/**
 * Date.now() is up to a millisecond behind, and a thread may be held up between two clocks; more apart than this, the
 * real time was set, or the machine slept.
 */
const TOLERANCE_MS = 20;

/**
 * Real time in nanoseconds since 1970 as two words, without allocating: a monotonic clock of fine resolution, held
 * against the real one once a second.
 */
export class RealTime {
  high = 0;
  low = 0;
  /** performance.now() when the base was taken, and the real time then, in words. */
  #anchor = Number.NEGATIVE_INFINITY;
  #baseHigh = 0;
  #baseLow = 0;
  #correction = 0;

  /** Reads the clock into `high` and `low`. */
  read(): void {
    const now = performance.now();
    if (now - this.#anchor > CHECK_MS) this.#setAnchor(now);
    const low = this.#baseLow + Math.floor((now - this.#anchor) * NS_PER_MS);
    this.high = this.#baseHigh + Math.floor(low / HIGH_WORD);
    this.low = low % HIGH_WORD;
  }

  #setAnchor(now: number): void {
    const apart = Date.now() - (performance.timeOrigin + now + this.#correction);
    if (Math.abs(apart) > TOLERANCE_MS) this.#correction += apart;
    const microseconds = Math.round((performance.timeOrigin + now + this.#correction) * 1000);
    const nanoseconds = BigInt(microseconds) * 1000n;
    this.#baseHigh = Number(nanoseconds >> 32n);
    this.#baseLow = Number(nanoseconds & 0xffff_ffffn);
    this.#anchor = now;
  }
}
