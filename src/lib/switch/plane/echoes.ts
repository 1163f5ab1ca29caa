/**
 * Frames for everybody that come back. Where switches are joined in a circle, such a frame returns on another port than
 * it came from, and would be sent to everybody again, for ever. A single one that comes twice is no proof: guests may
 * say the same from two places. Several are, and from then on what comes back goes no further, so that the circle is
 * cut at every switch of ours, and everybody gets one of each.
 */
import type { Arena } from '../../os/index.ts';

/** Frames that are remembered: so many each that their bytes lead to the same shelf, the oldest of which makes room. */
const SHELVES = 1024;
const SHELF = 4;
const PLACES = SHELVES * SHELF;
/** Words of a frame that count, after its addresses. */
const BODY_WORDS = 16;
const ADDRESSES = 12;
const TAG = 4;
/** Seconds for which a frame is remembered; a circle around the world takes less than one. */
const MEMORY_SECONDS = 1;
/** So many frames that came back are a loop; one is taken back every so many seconds. */
const PROOF = 4;
const FORGIVING_SECONDS = 10;
/** While there is a loop, the same frame is let in so often in a second on its first port: that port may be in the circle too. */
const REPEATS = 10;
/** Seconds after the last frame that came back when the loop is said to be over. */
const QUIET_SECONDS = 30;

/** What `check` gives for a frame that may be sent to all, and for one that comes too often. */
export const FRESH = -1;
export const REPEATED = -2;

export interface LoopLog {
  /** What came from `port` comes back on `other`, again and again. */
  loop(port: number, other: number): void;
  loopOver(): void;
}

export class EchoWatch {
  readonly #memory: Arena;
  readonly #log: LoopLog;
  readonly #hashes = new Int32Array(PLACES);
  /** Where a frame came from first; -1 for no frame. */
  readonly #ports = new Int16Array(PLACES).fill(-1);
  readonly #seconds = new Uint32Array(PLACES);
  readonly #repeats = new Uint8Array(PLACES);
  /** The next place of a shelf to be used. */
  readonly #next = new Uint8Array(SHELVES);
  /** Frames that drive each other from one switch's memory must not do so in every switch. */
  readonly #seed = Math.trunc(Math.random() * 2 ** 32);
  /** The frame that was checked last, and its place; -1 if it was not known. */
  #hash = 0;
  #place = -1;
  #score = 0;
  /** When a frame last came back. */
  #last = 0;
  /** Frames that come back are stopped. */
  isLoop = false;

  constructor(memory: Arena, log: LoopLog) {
    this.#memory = memory;
    this.#log = log;
  }

  /**
   * A frame for everybody came from a port. `tag` is the length of its VLAN's tag in it, which is not looked at.
   * @returns FRESH, REPEATED, or the port that it came from first, if it is to go no further
   */
  check(port: number, offset: number, length: number, vlan: number, tag: 0 | typeof TAG, now: number): number {
    this.#hash = this.#hashOf(offset, length, vlan, tag);
    this.#place = this.#find(now);
    if (this.#place < 0) return FRESH;
    const first = this.#ports[this.#place]!;
    if (first !== port) return this.#cameBack(first, port, now) ? first : FRESH;
    if (!this.isLoop) return FRESH;
    if (this.#repeats[this.#place]! < REPEATS) this.#repeats[this.#place]!++;
    return this.#repeats[this.#place]! < REPEATS ? FRESH : REPEATED;
  }

  /** The frame that was checked goes to all. */
  note(port: number, now: number): void {
    const isNew = this.#place < 0;
    const place = isNew ? this.#newPlace() : this.#place;
    if (isNew) {
      this.#hashes[place] = this.#hash;
      this.#ports[place] = port;
    }
    if (isNew || this.#seconds[place] !== now) this.#repeats[place] = 0;
    this.#seconds[place] = now;
  }

  #find(now: number): number {
    const shelf = (this.#hash & (SHELVES - 1)) * SHELF;
    for (let place = shelf; place < shelf + SHELF; place++) {
      if (this.#hashes[place] !== this.#hash || this.#ports[place]! < 0) continue;
      if (now - this.#seconds[place]! <= MEMORY_SECONDS) return place;
    }
    return -1;
  }

  #newPlace(): number {
    const shelf = this.#hash & (SHELVES - 1);
    return shelf * SHELF + (this.#next[shelf]!++ & (SHELF - 1));
  }

  /** The port is gone: who comes next may say the same. */
  forgetPort(port: number): void {
    for (let place = 0; place < PLACES; place++) if (this.#ports[place] === port) this.#ports[place] = -1;
  }

  catchUp(now: number): void {
    if (!this.isLoop || now - this.#last < QUIET_SECONDS) return;
    this.isLoop = false;
    this.#score = 0;
    this.#log.loopOver();
  }

  /** Whether that is a loop. */
  #cameBack(first: number, port: number, now: number): boolean {
    if (!this.isLoop) {
      this.#score = Math.max(0, this.#score - (now - this.#last) / FORGIVING_SECONDS) + 1;
      if (this.#score >= PROOF) {
        this.isLoop = true;
        this.#log.loop(first, port);
      }
    }
    this.#last = now;
    return this.isLoop;
  }

  #hashOf(offset: number, length: number, vlan: number, tag: number): number {
    const { u32 } = this.#memory;
    const head = offset >> 2;
    const body = (offset + ADDRESSES + tag) >> 2;
    const end = Math.min(body + BODY_WORDS, (offset + length) >> 2); // a last piece of a word does not count
    let hash = Math.imul((length - tag) ^ (vlan << 16) ^ this.#seed, 0x9e37_79b1);
    for (let word = head; word < head + ADDRESSES / 4; word++) hash = mix(hash, u32[word]!);
    for (let word = body; word < end; word++) hash = mix(hash, u32[word]!);
    return hash ^ (hash >>> 15);
  }
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x85eb_ca6b);
  return mixed ^ (mixed >>> 13);
}
