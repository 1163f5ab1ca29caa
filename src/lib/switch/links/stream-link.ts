import { constants } from 'node:os';
import { type Arena, readAt } from '../../os/index.ts';
import { type Forwarder, MAX_FRAME } from '../plane/forwarder.ts';
import { BATCH, type FrameSlots } from '../plane/frame-slots.ts';
import { isGone } from './frame-queue.ts';
import type { LinkParts, StreamLinkSpec } from './index.ts';
import { QueuedLink } from './queued-link.ts';
import { LENGTH_SIZE, readLength } from './stream.ts';
import { FRAMING_SIZE, StreamFraming } from './stream-framing.ts';

/** What is received at once: at least the longest frame. */
const CHUNK = 65_600;
/** The memory that a link needs, in bytes. */
export const STREAM_SIZE = CHUNK + FRAMING_SIZE;
const { EAGAIN, EINTR } = constants.errno;

/** A stream socket with frames behind their lengths: passt, QEMU. */
export class StreamLink extends QueuedLink {
  readonly #memory: Arena;
  readonly #slots: FrameSlots;
  readonly #forwarder: Forwarder;
  /** Where received bytes are, the first of them the beginning of a message. */
  readonly #chunk: number;
  #received = 0;

  constructor(port: number, { fd, port: kind }: StreamLinkSpec, parts: LinkParts) {
    const chunk = parts.streams + port * STREAM_SIZE;
    const framing = new StreamFraming(fd, chunk + CHUNK, parts.memory, parts.outbox);
    super(fd, { port, kind, fd, envelopes: framing, remainder: framing }, parts);
    this.#memory = parts.memory;
    this.#slots = parts.slots;
    this.#forwarder = parts.forwarder;
    this.#chunk = chunk;
  }

  take(): number {
    const room = CHUNK - this.#received;
    const result = readAt(this.fd, this.#memory.address(this.#chunk + this.#received), room);
    if (result > 0) {
      this.#received += result;
      return this.#count();
    }
    const errno = -result;
    if (errno === 0 || isGone(errno)) this.end = 'closed';
    else if (errno !== EAGAIN && errno !== EINTR) this.end = errno;
    return 0;
  }

  /** How many frames have come whole. A length that no frame has ends the stream: nobody knows where the next one begins. */
  #count(): number {
    const { u8 } = this.#memory;
    let frames = 0;
    for (let at = 0; at + LENGTH_SIZE <= this.#received; ) {
      const length = readLength(u8, this.#chunk + at);
      if (length > MAX_FRAME) {
        this.end = { badLength: length };
        break;
      }
      at += LENGTH_SIZE + length;
      if (at > this.#received) break;
      frames++;
    }
    return frames;
  }

  pass(count: number): void {
    const { u8 } = this.#memory;
    let at = 0;
    for (let frame = 0; frame < count; frame++) {
      const slot = frame % BATCH;
      if (slot === 0 && frame > 0) this.#forwarder.flush();
      const offset = this.#slots.offset(slot); // where a tag can be put in
      const length = readLength(u8, this.#chunk + at);
      at += LENGTH_SIZE;
      u8.copyWithin(offset, this.#chunk + at, this.#chunk + at + length);
      at += length;
      this.#forwarder.forward(this.port, offset, length);
    }
    u8.copyWithin(this.#chunk, this.#chunk + at, this.#chunk + this.#received);
    this.#received -= at;
  }
}
