import { type Arena, writeAt } from '../../os/index.ts';
import type { Remainder } from './frame-queue.ts';
import { type Envelope, type Envelopes, OUTBOX_SIZE, type Outbox } from './outbox.ts';
import { LENGTH_SIZE, writeLength } from './stream.ts';

/** Where the lengths of the messages in the outbox are, and behind them the rest of one. */
const LENGTHS_SIZE = 64;
/** At least the longest message. */
const REST_SIZE = 65_600;

/** The memory that it needs, in bytes. */
export const FRAMING_SIZE = LENGTHS_SIZE + REST_SIZE;

/**
 * The sending side of a stream of frames, each behind its length. The kernel takes a part of a message if it has no room
 * for more: the rest is kept here, and goes before anything else.
 */
export class StreamFraming implements Envelopes, Remainder {
  readonly #memory: Arena;
  readonly #outbox: Outbox;
  readonly #fd: number;
  readonly #lengths: number;
  readonly #rest: number;
  readonly #envelope: Envelope = { name: 0, nameLength: 0, prefix: 0, prefixLength: LENGTH_SIZE };
  /** The frames in the outbox. */
  readonly #frame = new Uint32Array(OUTBOX_SIZE);
  readonly #length = new Uint32Array(OUTBOX_SIZE);
  /** What is left of the rest: it ends at `#end`. */
  #from = 0;
  #end = 0;

  /** `room` is where FRAMING_SIZE bytes of the arena are its own. */
  constructor(fd: number, room: number, memory: Arena, outbox: Outbox) {
    this.#fd = fd;
    this.#memory = memory;
    this.#outbox = outbox;
    this.#lengths = room;
    this.#rest = room + LENGTHS_SIZE;
  }

  of(frame: number, length: number, index: number): Envelope {
    this.#frame[index] = frame;
    this.#length[index] = length;
    this.#envelope.prefix = this.#lengths + index * LENGTH_SIZE;
    writeLength(this.#memory.u8, this.#envelope.prefix, length);
    return this.#envelope;
  }

  get isEmpty(): boolean {
    return this.#from === this.#end;
  }

  finish(): number {
    while (this.#from < this.#end) {
      const result = writeAt(this.#fd, this.#memory.address(this.#rest + this.#from), this.#end - this.#from);
      if (result < 0) return result;
      this.#from += result;
    }
    return 0;
  }

  note(index: number): void {
    const { u8 } = this.#memory;
    const went = this.#outbox.sentBytes(index);
    const frame = this.#frame[index]!;
    const length = this.#length[index]!;
    const ofLength = Math.max(0, LENGTH_SIZE - went);
    const ofFrame = Math.min(length, LENGTH_SIZE + length - went);
    this.#from = 0;
    this.#end = ofLength + ofFrame;
    if (this.#end === 0) return;
    const prefixEnd = this.#lengths + (index + 1) * LENGTH_SIZE;
    u8.copyWithin(this.#rest, prefixEnd - ofLength, prefixEnd);
    u8.copyWithin(this.#rest + ofLength, frame + length - ofFrame, frame + length);
  }
}
