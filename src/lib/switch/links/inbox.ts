import { type Arena, MMSGHDR, receiveBatch } from '../../os/index.ts';
import { BATCH, type FrameSlots, SLOT_SIZE } from '../plane/frame-slots.ts';
import { DatagramHeaders } from './datagram-headers.ts';
import { NAME_STRIDE } from './port-names.ts';

/** Receives datagrams into the frame slots; links share it, as they share the slots. */
export class Inbox {
  readonly #names: number;
  readonly #headers: DatagramHeaders;
  /** Slots of the last batch, in whose headers the kernel wrote. */
  #used = 0;

  /** With `names` the kernel also writes where a datagram came from. */
  constructor(memory: Arena, slots: FrameSlots, names: 'names' | 'no names') {
    this.#names = memory.take(BATCH * NAME_STRIDE);
    this.#headers = new DatagramHeaders(memory, BATCH, {
      name: names === 'names' ? (slot) => this.name(slot) : undefined,
      frame: (slot) => slots.offset(slot),
      length: SLOT_SIZE,
    });
  }

  /** Takes `most` datagrams, BATCH or fewer. How many came, or the errno, negative. */
  take(fd: number, most: number, wait: 'wait' | 'poll'): number {
    for (let slot = 0; slot < this.#used; slot++) this.#headers.resetName(slot);
    const result = receiveBatch(fd, this.#headers.address(0), most, wait);
    this.#used = Math.max(0, result);
    return result;
  }

  /** Bytes in a slot. A datagram that was too long for it fills it. */
  length(slot: number): number {
    return this.#headers.get(slot, MMSGHDR.length);
  }

  /** Where the name of a slot's sender is. */
  name(slot: number): number {
    return this.#names + slot * NAME_STRIDE;
  }

  /** How many bytes of the name the kernel wrote. */
  nameLength(slot: number): number {
    return this.#headers.get(slot, MMSGHDR.nameLength);
  }
}
