/**
 * Frames for everybody that come back. Where switches are joined in a circle, such a frame returns on another port than
 * it came from, and would be sent to everybody again, for ever. A single one that comes twice is no proof: guests may
 * say the same from two places. Several are, and from then on what comes back goes no further, so that the circle is
 * cut at every switch of ours, and everybody gets one of each.
 */
import type { Arena } from '../../os/index.ts';

/**
 * Frames are remembered on shelves to which their bytes lead; the oldest of a shelf makes room. A shelf is one cache
 * line: four frames of three words each, and which of them is next.
 */
const SHELVES = 1024;
const SHELF = 4;
const FRAME = { hash: 0, portAndRepeats: 1, second: 2, size: 3 } as const;
const NEXT = SHELF * FRAME.size;
const SHELF_WORDS = 16;
/** The port in the lower half; in the upper one how often the frame came again within this second. */
const PORT_MASK = 0xffff;
const ONE_REPEAT = 0x1_0000;
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
  readonly #words = new Int32Array(SHELVES * SHELF_WORDS);
  /** One for each word of a frame. Random: frames that drive each other from one switch's memory do so in no other. */
  readonly #keys = Int32Array.from({ length: ADDRESSES / 4 + BODY_WORDS }, () => (Math.random() * 2 ** 32) | 1);
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
    const place = this.#find(now);
    this.#place = place;
    if (place < 0) return FRESH;
    const known = this.#words[place + FRAME.portAndRepeats]!;
    const first = (known & PORT_MASK) - 1;
    if (first !== port) return this.#cameBack(first, port, now) ? first : FRESH;
    if (!this.isLoop) return FRESH;
    if (known >= REPEATS * ONE_REPEAT) return REPEATED;
    this.#words[place + FRAME.portAndRepeats] = known + ONE_REPEAT;
    return FRESH;
  }

  /** The frame that was checked goes to all. */
  note(port: number, now: number): void {
    const words = this.#words;
    let place = this.#place;
    if (place < 0) {
      const shelf = this.#shelf();
      place = shelf + (words[shelf + NEXT]! % SHELF) * FRAME.size;
      words[shelf + NEXT] = (words[shelf + NEXT]! + 1) % SHELF;
      words[place + FRAME.hash] = this.#hash;
      words[place + FRAME.portAndRepeats] = port + 1;
    } else if (words[place + FRAME.second] !== now) words[place + FRAME.portAndRepeats]! &= PORT_MASK;
    words[place + FRAME.second] = now;
  }

  #shelf(): number {
    return (this.#hash & (SHELVES - 1)) * SHELF_WORDS;
  }

  #find(now: number): number {
    const words = this.#words;
    const shelf = this.#shelf();
    for (let place = shelf; place < shelf + NEXT; place += FRAME.size) {
      if (words[place + FRAME.hash] !== this.#hash || (words[place + FRAME.portAndRepeats]! & PORT_MASK) === 0)
        continue;
      if (now - words[place + FRAME.second]! <= MEMORY_SECONDS) return place;
    }
    return -1;
  }

  /** The port is gone: who comes next may say the same. */
  forgetPort(port: number): void {
    for (let shelf = 0; shelf < this.#words.length; shelf += SHELF_WORDS) {
      for (let at = shelf + FRAME.portAndRepeats; at < shelf + NEXT; at += FRAME.size) {
        if ((this.#words[at]! & PORT_MASK) === port + 1) this.#words[at] = 0;
      }
    }
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
    const keys = this.#keys;
    const head = offset >> 2;
    const body = (offset + ADDRESSES + tag) >> 2;
    const words = Math.min(BODY_WORDS, ((offset + length) >> 2) - body); // a last piece of a word does not count
    let hash = Math.imul(length - tag, 0x9e37_79b1) + Math.imul(vlan, 0xc2b2_ae35);
    for (let word = 0; word < ADDRESSES / 4; word++) hash = (hash + Math.imul(u32[head + word]!, keys[word]!)) | 0;
    for (let word = 0; word < words; word++) {
      hash = (hash + Math.imul(u32[body + word]!, keys[ADDRESSES / 4 + word]!)) | 0;
    }
    hash = Math.imul(hash ^ (hash >>> 15), 0x85eb_ca6b);
    return hash ^ (hash >>> 13);
  }
}
