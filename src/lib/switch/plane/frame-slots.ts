import type { Arena } from '../../os/index.ts';

/** Frames in a batch. Larger ones overflow the receivers' queues, which hold 11 by the kernel's default. */
export const BATCH = 8;
/** Room for the largest frame and one byte more, by which a longer datagram gives itself away. */
export const SLOT_SIZE = 65_536;
/** Bytes before each frame that may be written, so that it can get a tag. */
export const HEADROOM = 64;
/** Slots are not a multiple of a page apart: the headers of a batch must not compete for the same cache lines. */
export const SLOT_STRIDE = SLOT_SIZE + 192; // the headroom is part of it

/** Where a batch of frames is received. All links share one set: a batch is sent on before the next is taken. */
export class FrameSlots {
  readonly #first: number;

  constructor(memory: Arena) {
    this.#first = memory.take(HEADROOM + BATCH * SLOT_STRIDE) + HEADROOM;
  }

  /** The offset of a slot in the arena. */
  offset(slot: number): number {
    return this.#first + slot * SLOT_STRIDE;
  }
}
