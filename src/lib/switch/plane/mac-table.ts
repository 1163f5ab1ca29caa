/** Slots of the table; half of them may be in use. */
const SLOTS = 16_384;
const CAPACITY = SLOTS / 2;
const FREE = -1;

/** Seconds after which an address that sent nothing is forgotten (GC_EXPIRE of the C switch). */
export const DEFAULT_AGEING = 100;
/** What `find` gives for an address that is not known, and `learn` for one that was not. */
export const UNKNOWN = -1;
/** What `learn` gives when there is no room for one more address. */
export const TABLE_FULL = -2;

/**
 * Which port an Ethernet address was last seen on. Open addressing with linear probing on typed arrays: nothing is
 * allocated while frames pass. An address is two numbers, its first four bytes as a little-endian word and the last two.
 * Times are whole seconds of any clock that only goes forward. An aged address counts as unknown at once and gives up
 * its slot when room is needed.
 */
export class MacTable {
  readonly #low = new Uint32Array(SLOTS);
  readonly #high = new Uint16Array(SLOTS);
  readonly #port = new Int16Array(SLOTS).fill(FREE);
  readonly #seen = new Float64Array(SLOTS);
  #used = 0;
  /** Seconds of silence after which an address is forgotten; Infinity for never. */
  maxAge = DEFAULT_AGEING;
  #swept = -1;

  /** The port of an address, or UNKNOWN. */
  find(low: number, high: number, now: number): number {
    const slot = this.#slotOf(low, high);
    const port = this.#port[slot]!;
    return port !== FREE && this.#isAlive(slot, now) ? port : UNKNOWN;
  }

  /**
   * Notes that an address sent from a port.
   * @returns the port that it was known on before, UNKNOWN, or TABLE_FULL if it could not be noted
   */
  learn(low: number, high: number, port: number, now: number): number {
    let slot = this.#slotOf(low, high);
    const before = this.#port[slot]!;
    if (before === FREE) {
      if (this.#used >= CAPACITY) {
        this.#sweep(now);
        if (this.#used >= CAPACITY) return TABLE_FULL;
        slot = this.#slotOf(low, high);
      }
      this.#low[slot] = low;
      this.#high[slot] = high;
      this.#used++;
    }
    const known = before !== FREE && this.#isAlive(slot, now);
    this.#port[slot] = port;
    this.#seen[slot] = now;
    return known ? before : UNKNOWN;
  }

  /** Forgets every address of a port. */
  forgetPort(port: number): void {
    this.#removeWhere((slot) => this.#port[slot] === port);
  }

  #isAlive(slot: number, now: number): boolean {
    return now - this.#seen[slot]! <= this.maxAge;
  }

  /** Where an address is, or else the free slot where it would go. */
  #slotOf(low: number, high: number): number {
    let slot = home(low, high);
    while (this.#port[slot] !== FREE && (this.#low[slot] !== low || this.#high[slot] !== high)) {
      slot = (slot + 1) & (SLOTS - 1);
    }
    return slot;
  }

  /** Removes what has aged; at most once a second, as a flood of new addresses would ask for it with every frame. */
  #sweep(now: number): void {
    if (this.#swept === now) return;
    this.#swept = now;
    this.#removeWhere((slot) => !this.#isAlive(slot, now));
  }

  #removeWhere(goes: (slot: number) => boolean): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      while (this.#port[slot] !== FREE && goes(slot)) this.#remove(slot);
    }
  }

  /** Frees a slot and moves up what probed past it, so that no search ends too early. */
  #remove(slot: number): void {
    let gap = slot;
    for (let next = (gap + 1) & (SLOTS - 1); this.#port[next] !== FREE; next = (next + 1) & (SLOTS - 1)) {
      const distance = (next - home(this.#low[next]!, this.#high[next]!)) & (SLOTS - 1);
      if (distance < ((next - gap) & (SLOTS - 1))) continue;
      this.#low[gap] = this.#low[next]!;
      this.#high[gap] = this.#high[next]!;
      this.#port[gap] = this.#port[next]!;
      this.#seen[gap] = this.#seen[next]!;
      gap = next;
    }
    this.#port[gap] = FREE;
    this.#used--;
  }
}

/** Fibonacci hashing: the top 14 bits of a product. */
function home(low: number, high: number): number {
  return Math.imul(low ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1) >>> 18;
}
