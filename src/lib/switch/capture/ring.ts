import { MAX_PORTS } from '../plane/forwarder.ts';
import { type Direction, PACKET, packetSize, putPacket } from './pcapng.ts';
import type { RealTime } from './real-time.ts';

/** Bytes of frames that may wait for the main thread; a power of two. */
const CAPACITY = 8 * 1024 * 1024;
const MASK = CAPACITY - 1;
/** Words of the head: where the next block goes and comes from (bytes, counted without end, modulo 2^32), and the bell. */
const HEAD = { written: 0, read: 1, asleep: 2, size: 16 } as const;
/** The type of no block: the rest up to the end of the ring is unused. */
const SKIP = 0;

/**
 * Blocks of captured frames on their way from the thread of the frames to the main thread: a ring in memory that both
 * see. The writer never waits; what finds no room is counted.
 */
export class FrameRing {
  readonly shared: SharedArrayBuffer;
  readonly #head: Int32Array;
  /** For each port the directions that are captured, as bits. */
  readonly #wanted: Uint8Array;
  readonly #dropped: Uint32Array;
  /** The blocks. */
  readonly words: Uint32Array;

  /** `shared` is that of another thread's ring. */
  constructor(shared = new SharedArrayBuffer(4 * HEAD.size + 5 * MAX_PORTS + CAPACITY)) {
    this.shared = shared;
    this.#head = new Int32Array(shared, 0, HEAD.size);
    this.#dropped = new Uint32Array(shared, 4 * HEAD.size, MAX_PORTS);
    this.#wanted = new Uint8Array(shared, 4 * HEAD.size + 4 * MAX_PORTS, MAX_PORTS);
    this.words = new Uint32Array(shared, 4 * HEAD.size + 5 * MAX_PORTS, CAPACITY >> 2);
  }

  /** Which directions of a port are captured from now on: bits of DIRECTION. */
  want(port: number, directions: number): void {
    this.#wanted[port] = directions;
  }

  wants(port: number, direction: Direction): boolean {
    return (this.#wanted[port]! & direction) !== 0;
  }

  /** Frames of a port that found no room, modulo 2^32. */
  dropped(port: number): number {
    return this.#dropped[port]!;
  }

  /**
   * Copies a frame into the ring: `length` bytes from word `from` of `source` on. Allocates nothing.
   * @returns whether the reader sleeps and has to be woken
   */
  put(port: number, direction: Direction, source: Uint32Array, from: number, length: number, time: RealTime): boolean {
    const at = this.#reserve(packetSize(length));
    if (at < 0) {
      this.#dropped[port]!++;
      return false;
    }
    const { words } = this;
    putPacket(words, at, port, length, direction);
    words[at + PACKET.high] = time.high;
    words[at + PACKET.low] = time.low;
    copyWords(source, from, words, at + PACKET.frame, length);
    Atomics.store(this.#head, HEAD.written, (this.#written + packetSize(length)) | 0);
    return Atomics.exchange(this.#head, HEAD.asleep, 0) === 1;
  }

  /** The word at which a block of `size` bytes has room in one piece, or -1. */
  #reserve(size: number): number {
    const at = this.#written & MASK;
    const room = CAPACITY - ((this.#written - Atomics.load(this.#head, HEAD.read)) >>> 0);
    const toEnd = CAPACITY - at;
    if (size <= toEnd) return size <= room ? at >> 2 : -1;
    if (toEnd + size > room) return -1;
    this.words[at >> 2] = SKIP;
    Atomics.store(this.#head, HEAD.written, (this.#written + toEnd) | 0);
    return 0;
  }

  get #written(): number {
    return this.#head[HEAD.written]!;
  }

  /**
   * Hands out what waits, a block at a time: the word where it begins in `words`, and its size in bytes.
   * @param most bytes, after which the rest is left for another time
   * @returns whether the ring is empty
   */
  take(most: number, each: (at: number, size: number) => void): boolean {
    const written = Atomics.load(this.#head, HEAD.written);
    let read = this.#head[HEAD.read]!;
    for (const begin = read; read !== written && (read - begin) >>> 0 < most; ) {
      const at = (read & MASK) >> 2;
      if (this.words[at + PACKET.type] === SKIP) {
        read = (read + CAPACITY - (read & MASK)) | 0;
        continue;
      }
      const size = this.words[at + PACKET.size]!;
      each(at, size);
      read = (read + size) | 0;
    }
    Atomics.store(this.#head, HEAD.read, read);
    return read === Atomics.load(this.#head, HEAD.written);
  }

  /**
   * The reader goes to sleep, to be woken by the next frame.
   * @returns false if one has come in the meantime
   */
  sleep(): boolean {
    Atomics.store(this.#head, HEAD.asleep, 1);
    return Atomics.load(this.#head, HEAD.written) === this.#head[HEAD.read];
  }
}

/** Copies bytes by words; those behind the last byte become 0. A view for each frame would be garbage. */
function copyWords(source: Uint32Array, from: number, target: Uint32Array, to: number, length: number): void {
  const whole = length >> 2;
  for (let word = 0; word < whole; word++) target[to + word] = source[from + word]!;
  const rest = length & 3;
  if (rest !== 0) target[to + whole] = source[from + whole]! & REST[rest]!;
}

/** Keeps the first bytes of a word, as they lie in memory. */
const REST = new Uint32Array(Uint8Array.of(0, 0, 0, 0, 255, 0, 0, 0, 255, 255, 0, 0, 255, 255, 255, 0).buffer);
