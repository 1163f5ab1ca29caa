import { type Arena, IOVEC, MMSGHDR, sendBatch } from '../../os/index.ts';

/** Frames that a link sends in one call at most. */
export const OUTBOX_SIZE = 16;

/** What goes with every frame of a link: places in the arena, with a length of 0 for what it does not have. */
export interface Envelope {
  /** The address of the receiver. */
  name: number;
  nameLength: number;
  /** What stands before the frame. */
  prefix: number;
  prefixLength: number;
}

/** Tells what goes with a frame; the answer holds until the next question. */
export interface Envelopes {
  /** For the frame at offset `frame`, in the place `index` of the outbox. */
  of(frame: number, length: number, index: number): Envelope;
}

/**
 * Headers for sendmmsg, shared by the links with descriptors of their own: each fills them when it sends, as one has
 * sent all before the next begins.
 */
export class Outbox {
  readonly #memory: Arena;
  readonly #headers: number;
  /** Two for each header: the prefix and the frame. */
  readonly #iovs: number;

  constructor(memory: Arena) {
    this.#memory = memory;
    this.#headers = memory.take(OUTBOX_SIZE * MMSGHDR.size);
    this.#iovs = memory.take(OUTBOX_SIZE * 2 * IOVEC.size);
    for (let index = 0; index < OUTBOX_SIZE; index++) {
      const header = this.#headers + index * MMSGHDR.size;
      const iov = this.#iovs + index * 2 * IOVEC.size;
      memory.setPointer(header + MMSGHDR.name, 0);
      memory.setPointer(header + MMSGHDR.iov, iov);
      memory.setPointer(iov + IOVEC.base, 0);
      memory.setPointer(iov + IOVEC.size + IOVEC.base, 0);
    }
  }

  set(index: number, envelope: Envelope, frame: number, length: number): void {
    const { u32 } = this.#memory;
    const header = this.#headers + index * MMSGHDR.size;
    const prefix = this.#iovs + index * 2 * IOVEC.size;
    const whole = prefix + IOVEC.size;
    const isPrefixed = envelope.prefixLength > 0;
    u32[(header + MMSGHDR.name) >> 2] = this.#memory.low(envelope.name);
    u32[(header + MMSGHDR.nameLength) >> 2] = envelope.nameLength;
    u32[(header + MMSGHDR.iov) >> 2] = this.#memory.low(isPrefixed ? prefix : whole);
    u32[(header + MMSGHDR.iovLength) >> 2] = isPrefixed ? 2 : 1;
    u32[(prefix + IOVEC.base) >> 2] = this.#memory.low(envelope.prefix);
    u32[(prefix + IOVEC.length) >> 2] = envelope.prefixLength;
    u32[(whole + IOVEC.base) >> 2] = this.#memory.low(frame);
    u32[(whole + IOVEC.length) >> 2] = length;
  }

  /** How many bytes went of the message in a place, of those that `send` said went: of a stream's last, maybe not all. */
  sentBytes(index: number): number {
    return this.#memory.u32[(this.#headers + index * MMSGHDR.size + MMSGHDR.length) >> 2]!;
  }

  /** Sends what was set from `index` to `end`. How many went, or the errno, negative. */
  send(fd: number, index: number, end: number): number {
    return sendBatch(fd, this.#memory.address(this.#headers + index * MMSGHDR.size), end - index);
  }
}
