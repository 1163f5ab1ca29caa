import { type Arena, writeAt } from '../../os/index.ts';
import type { FrameObserver } from '../plane/observer.ts';
import { DIRECTION, type Direction } from './pcapng.ts';
import { RealTime } from './real-time.ts';
import { FrameRing } from './ring.ts';

/** What the thread of the frames captures with. */
export interface CaptureSetup {
  /** What `FrameRing` is made of. */
  ring: SharedArrayBuffer;
  /** A non-blocking socket; a byte written to it wakes the main thread. */
  bell: number;
}

/** Copies frames that are captured into the ring, in the thread of the frames. It never waits and allocates nothing. */
export class CaptureObserver implements FrameObserver {
  readonly #memory: Arena;
  readonly #ring: FrameRing;
  readonly #bell: number;
  /** The byte that is written to the bell. */
  readonly #byte: number;
  readonly #time = new RealTime();

  /** `byte` is the offset of any byte of `memory`. */
  constructor(memory: Arena, byte: number, { ring, bell }: CaptureSetup) {
    this.#memory = memory;
    this.#byte = byte;
    this.#ring = new FrameRing(ring);
    this.#bell = bell;
  }

  received(port: number, offset: number, length: number): void {
    if (this.#ring.wants(port, DIRECTION.in)) this.#put(port, DIRECTION.in, offset, length);
  }

  sent(port: number, offset: number, length: number): void {
    if (this.#ring.wants(port, DIRECTION.out)) this.#put(port, DIRECTION.out, offset, length);
  }

  #put(port: number, direction: Direction, offset: number, length: number): void {
    this.#time.read();
    const sleeps = this.#ring.put(port, direction, this.#memory.u32, offset >> 2, length, this.#time);
    // A full queue of the bell's is as good as a byte in it.
    if (sleeps) writeAt(this.#bell, this.#memory.address(this.#byte), 1);
  }
}
