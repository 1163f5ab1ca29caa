import { constants } from 'node:os';
import { type Arena, readAt, writeAt } from '../../os/index.ts';
import type { Counters } from '../counters.ts';
import type { Forwarder } from '../plane/forwarder.ts';
import { BATCH, type FrameSlots, SLOT_SIZE } from '../plane/frame-slots.ts';
import type { Reporter } from '../plane/reporter.ts';
import type { LinkContext, OwnLink } from './index.ts';

const { EAGAIN } = constants.errno;

/** A tap device of the host: one port, one frame a read or write. */
export class TapLink implements OwnLink {
  readonly fd: number;
  readonly #port: number;
  readonly #memory: Arena;
  readonly #slots: FrameSlots;
  readonly #forwarder: Forwarder;
  readonly #reporter: Reporter;
  readonly #counters: Counters;
  readonly #lengths = new Uint32Array(BATCH);
  /** The errno that ended the device (it was deleted), once there is one. */
  ended: number | undefined;

  constructor(port: number, fd: number, { memory, slots, forwarder, reporter, counters }: LinkContext) {
    this.fd = fd;
    this.#port = port;
    this.#memory = memory;
    this.#slots = slots;
    this.#forwarder = forwarder;
    this.#reporter = reporter;
    this.#counters = counters;
  }

  /** The descriptor is non-blocking: a wait is left to poll. */
  take(): number {
    for (let slot = 0; slot < BATCH; slot++) {
      const length = readAt(this.fd, this.#memory.address(this.#slots.offset(slot)), SLOT_SIZE);
      if (length === -EAGAIN) return slot;
      if (length < 0) {
        this.ended = -length;
        return slot;
      }
      this.#lengths[slot] = length;
    }
    return BATCH;
  }

  pass(count: number): void {
    for (let slot = 0; slot < count; slot++) {
      this.#forwarder.forward(this.#port, this.#slots.offset(slot), this.#lengths[slot]!);
    }
  }

  send(port: number, offset: number, length: number): void {
    const result = writeAt(this.fd, this.#memory.address(offset), length);
    if (result === -EAGAIN) this.#counters.lost(port, length);
    else if (result < 0) this.#reporter.lost(port, 'tap', -result, length);
  }

  flush(): void {}

  remove(): void {}
}
