import { countMove, homeOf, isPinned, pin, startCount } from './flapping.ts';
import { ENTRY, PORT_MASK } from './mac-entry.ts';

/** Entries of the table; half of them may be in use. */
const SLOTS = 262_144;
/** Addresses that it holds. */
export const CAPACITY = SLOTS / 2;
const WORDS = ENTRY.size;
const END = SLOTS * WORDS;
/** Entries that are looked at for aged ones when the table is full, so that no frame waits long. */
const RECLAIM = 64;
/** An entry's life when it was forgotten by itself; no port lives so often. */
const FORGOTTEN = 0xffff_ffff;
const VLAN_SHIFT = 16;
const NEVER = 0xffff_ffff;

/** Seconds after which an address that sent nothing is forgotten, unless set otherwise (GC_EXPIRE of the C switch). */
export const DEFAULT_AGEING = 100;
/** What `find` gives for an address that is not known, and `learn` for one that was not. */
export const UNKNOWN = -1;
/** What `learn` gives when there is no room for one more address. */
export const TABLE_FULL = -2;
/** What `learn` gives for an address that may not move from its port. */
export const PINNED = -3;
/** The same, and this frame was the one too many. */
export const NEWLY_PINNED = -4;

/** Which addresses are meant: all without any field. */
export interface EntryFilter {
  address?: { low: number; high: number } | undefined;
  port?: number | undefined;
  vlan?: number | undefined;
}

/** An address in a list of addresses: four words. */
export const LISTED = { low: 0, high: 1, port: 2, age: 3, size: 4 } as const;

/**
 * Which port an Ethernet address was last seen on. Open addressing with linear probing on one typed array: nothing is
 * allocated while frames pass. An address is two numbers, its first four bytes as a little-endian word and the last two,
 * with the VLAN in the bits above. Times are whole seconds of any clock that only goes forward. An aged address counts
 * as unknown at once, as do those of a port that is gone; their entries are used again when room is needed.
 */
export class MacTable {
  readonly #words = new Uint32Array(END);
  /** How often the number of a port has begun anew. An entry of an earlier life is void. */
  readonly #lives: Uint32Array;
  /** Unknown to the guests, who could else choose addresses that all fall on one place. */
  readonly #seed = Math.trunc(Math.random() * 2 ** 32);
  #used = 0;
  /** Where the search for aged entries goes on. */
  #hand = 0;
  #maxAge = DEFAULT_AGEING;
  /** Whether an address that moves too often is pinned to its port. */
  pins = true;

  /** For ports below `ports`. */
  constructor(ports: number) {
    this.#lives = new Uint32Array(ports).fill(1);
  }

  /** Addresses are forgotten after so many seconds of silence; 0 for never. */
  setAgeing(seconds: number): void {
    this.#maxAge = seconds === 0 ? NEVER : seconds;
  }

  /** The port of an address, or UNKNOWN. */
  find(low: number, high: number, now: number): number {
    const at = this.#search(low, high);
    return this.#isAlive(at, now) ? this.#words[at + ENTRY.port]! & PORT_MASK : UNKNOWN;
  }

  /**
   * Notes that an address sent from a port.
   * @returns the port that it was known on before, UNKNOWN, TABLE_FULL if it could not be noted, PINNED or NEWLY_PINNED
   * if it stays on its port
   */
  learn(low: number, high: number, port: number, now: number): number {
    const words = this.#words;
    const at = this.#search(low, high);
    if (!this.#isAlive(at, now)) return this.#insert(at, low, high, port, now);
    const before = words[at + ENTRY.port]! & PORT_MASK;
    if (before !== port) return this.#move(at, before, port, now);
    words[at + ENTRY.seen] = now;
    return before;
  }

  /** Whether an address may not move from its port at the moment. */
  isPinned(low: number, high: number, now: number): boolean {
    const at = this.#search(low, high);
    return this.#isAlive(at, now) && isPinned(this.#words, at, now);
  }

  /** Forgets every address of a port. */
  forgetPort(port: number): void {
    this.#lives[port]!++;
  }

  /** Forgets every address. */
  forgetAll(): void {
    for (let port = 0; port < this.#lives.length; port++) this.#lives[port]!++;
  }

  /** Addresses that are known: LISTED.size words for each. */
  list(filter: EntryFilter, now: number): Uint32Array {
    return this.#collect(filter, now, () => {});
  }

  /** Forgets addresses: which they were, as `list` gives them. */
  forget(filter: EntryFilter, now: number): Uint32Array {
    return this.#collect(filter, now, (at) => {
      this.#words[at + ENTRY.life] = FORGOTTEN;
    });
  }

  #collect({ address, port, vlan }: EntryFilter, now: number, visit: (at: number) => void): Uint32Array {
    const words = this.#words;
    const found = new Uint32Array(this.#used * LISTED.size);
    let end = 0;
    for (let at = 0, left = this.#used; left > 0; at += WORDS) {
      if (words[at + ENTRY.life] === 0) continue;
      left--;
      const low = words[at + ENTRY.low]!;
      const high = words[at + ENTRY.high]!;
      const on = words[at + ENTRY.port]! & PORT_MASK;
      if (port !== undefined && on !== port) continue;
      if (vlan !== undefined && high >>> VLAN_SHIFT !== vlan) continue;
      if (address && (address.low !== low || address.high !== (high & 0xffff))) continue;
      if (!this.#isAlive(at, now)) continue;
      found[end + LISTED.low] = low;
      found[end + LISTED.high] = high;
      found[end + LISTED.port] = on;
      found[end + LISTED.age] = now - words[at + ENTRY.seen]!;
      end += LISTED.size;
      visit(at);
    }
    return found.slice(0, end);
  }

  #insert(place: number, low: number, high: number, port: number, now: number): number {
    const words = this.#words;
    let at = place;
    if (words[at + ENTRY.life] === 0) {
      if (this.#used >= CAPACITY) {
        this.#reclaim(now);
        if (this.#used >= CAPACITY) return TABLE_FULL;
        at = this.#search(low, high); // entries have moved
      }
      words[at + ENTRY.low] = low;
      words[at + ENTRY.high] = high;
      this.#used++;
    }
    words[at + ENTRY.port] = port;
    words[at + ENTRY.seen] = now;
    words[at + ENTRY.life] = this.#lives[port]!;
    startCount(words, at, now);
    return UNKNOWN;
  }

  #move(at: number, before: number, port: number, now: number): number {
    const words = this.#words;
    if (this.pins) {
      if (isPinned(words, at, now)) {
        words[at + ENTRY.moved] = now;
        return PINNED;
      }
      if (countMove(words, at, now) && homeOf(words, at, this.#lives) !== port) {
        pin(words, at, now, this.#lives);
        return NEWLY_PINNED;
      }
    }
    words[at + ENTRY.port] = (words[at + ENTRY.port]! & ~PORT_MASK) | port;
    words[at + ENTRY.seen] = now;
    words[at + ENTRY.life] = this.#lives[port]!;
    if (!this.pins) startCount(words, at, now);
    return before;
  }

  /** A free entry has life 0, which no port has. */
  #isAlive(at: number, now: number): boolean {
    const words = this.#words;
    const life = words[at + ENTRY.life]!;
    return life === this.#lives[words[at + ENTRY.port]! & PORT_MASK] && now - words[at + ENTRY.seen]! <= this.#maxAge;
  }

  /** Where an address is, or else the free entry where it would go. */
  #search(low: number, high: number): number {
    const words = this.#words;
    let at = this.#placeOf(low, high);
    while (words[at + ENTRY.life] !== 0 && (words[at] !== low || words[at + ENTRY.high] !== high)) {
      at = (at + WORDS) & (END - 1);
    }
    return at;
  }

  /** Where the search for an address begins. */
  #placeOf(low: number, high: number): number {
    return (Math.imul(low ^ Math.imul(high ^ this.#seed, 0x85eb_ca6b), 0x9e37_79b1) >>> 14) * WORDS;
  }

  /** Removes some entries that are void. */
  #reclaim(now: number): void {
    for (let looked = 0; looked < RECLAIM; looked++) {
      while (this.#words[this.#hand + ENTRY.life] !== 0 && !this.#isAlive(this.#hand, now)) this.#remove(this.#hand);
      this.#hand = (this.#hand + WORDS) & (END - 1);
    }
  }

  /** Frees an entry and moves up what probed past it, so that no search ends too early. */
  #remove(place: number): void {
    const words = this.#words;
    let gap = place;
    for (let next = (gap + WORDS) & (END - 1); words[next + ENTRY.life] !== 0; next = (next + WORDS) & (END - 1)) {
      const distance = (next - this.#placeOf(words[next]!, words[next + ENTRY.high]!)) & (END - 1);
      if (distance < ((next - gap) & (END - 1))) continue;
      words.copyWithin(gap, next, next + WORDS);
      gap = next;
    }
    words[gap + ENTRY.life] = 0;
    this.#used--;
  }
}
