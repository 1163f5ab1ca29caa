/**
 * Frames for everybody that come back. Where switches are joined in a circle, such a frame returns on another port than
 * it came from, and would be sent to everybody again, for ever. A single one that comes twice is no proof: guests may
 * say the same from two places. Several are, and from then on what comes back goes no further, so that the circle is
 * cut at every switch of ours, and everybody gets one of each. In a circle addresses move from port to port: frames are
 * looked at only for some time after one did.
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
/**
 * In the lower half the port that it came from first, plus one, and a bit for one of which only the address was known to
 * have been there; in the upper one how often the frame came again within this second.
 */
const PORT_MASK = 0x7fff;
const SUSPECTED = 0x8000;
const ONE_REPEAT = 0x1_0000;
/** Words of a frame that count, after its addresses. */
const BODY_WORDS = 16;
const ADDRESSES = 12;
const TAG = 4;
/** Seconds for which a frame is remembered; a circle around the world takes less than one. */
const MEMORY_SECONDS = 1;
/** For how long frames are looked at after an address moved. */
const WATCH_SECONDS = 600;
/** So many frames that came back are a loop; one is taken back every so many seconds. */
const PROOF = 4;
const FORGIVING_SECONDS = 60;
/** And so is one frame that comes so often in a second where its address was not before: guests announce a move less often. */
const SUSPECTED_PROOF = 8;
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
  /** Frames that drive each other from one switch's memory must do so in no other. */
  readonly #seed = Math.trunc(Math.random() * 2 ** 32);
  /** The frame that was checked last, and its place; -1 if it was not known. */
  #hash = 0;
  #place = -1;
  #watchEnd = 0;
  #score = 0;
  /** When a frame last came back. */
  #last = 0;
  /** Frames that come back are stopped. */
  isLoop = false;

  constructor(memory: Arena, log: LoopLog) {
    this.#memory = memory;
    this.#log = log;
  }

  /** Whether frames are to be checked and noted. */
  isWatching(now: number): boolean {
    return now < this.#watchEnd;
  }

  /** The address of a frame for everybody moved from one port to another, perhaps because the frame came back. */
  suspect(before: number, offset: number, length: number, vlan: number, tag: 0 | typeof TAG, now: number): void {
    if (!this.isWatching(now)) {
      this.#hash = this.#hashOf(offset, length, vlan, tag);
      this.#place = -1;
      this.note(before | SUSPECTED, now);
    }
    this.#watchEnd = now + WATCH_SECONDS;
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
    const times = known >>> 16;
    if (times < REPEATS) this.#words[place + FRAME.portAndRepeats] = known + ONE_REPEAT;
    if (first === port) return this.isLoop && times >= REPEATS ? REPEATED : FRESH;
    if ((known & SUSPECTED) !== 0 && times < SUSPECTED_PROOF && !this.isLoop) return FRESH;
    return this.#cameBack(first, port, now, known & SUSPECTED ? PROOF : 1) ? first : FRESH;
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
    } else if (words[place + FRAME.second] !== now) words[place + FRAME.portAndRepeats]! &= PORT_MASK | SUSPECTED;
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

  /** Whether that is a loop. `weight` is how much it proves. */
  #cameBack(first: number, port: number, now: number, weight: number): boolean {
    if (!this.isLoop) {
      this.#score = Math.max(0, this.#score - (now - this.#last) / FORGIVING_SECONDS) + weight;
      this.isLoop = this.#score >= PROOF;
      if (this.isLoop) this.#log.loop(first, port);
    }
    this.#last = now;
    this.#watchEnd = now + WATCH_SECONDS;
    return this.isLoop;
  }

  #hashOf(offset: number, length: number, vlan: number, tag: number): number {
    const { u32 } = this.#memory;
    const head = offset >> 2;
    const body = (offset + ADDRESSES + tag) >> 2;
    const end = Math.min(body + BODY_WORDS, (offset + length) >> 2); // a last piece of a word does not count
    let hash = mix(mix(this.#seed, length - tag), vlan);
    for (let word = head; word < head + ADDRESSES / 4; word++) hash = mix(hash, u32[word]!);
    for (let word = body; word < end; word++) hash = mix(hash, u32[word]!);
    return hash ^ (hash >>> 16);
  }
}

/** As Murmur3 does: every bit of a word counts in the whole hash. */
function mix(hash: number, word: number): number {
  const scrambled = Math.imul(word, 0xcc9e_2d51);
  const mixed = hash ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b87_3593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe654_6b64) | 0;
}
