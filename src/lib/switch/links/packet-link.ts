import { constants } from 'node:os';
import type { Forwarder } from '../plane/forwarder.ts';
import { BATCH, type FrameSlots } from '../plane/frame-slots.ts';
import type { Backlog } from './backlog.ts';
import { FrameQueue, isGone } from './frame-queue.ts';
import type { Inbox } from './inbox.ts';
import type { LinkParts, OwnLink, PacketLinkSpec } from './index.ts';
import type { Envelope, Envelopes } from './outbox.ts';

const { EAGAIN, ECONNREFUSED, EINTR } = constants.errno;
const NO_ENVELOPE: Envelope = { name: 0, nameLength: 0, prefix: 0, prefixLength: 0 };
const NO_ENVELOPES: Envelopes = { of: () => NO_ENVELOPE };

/** A connected socket, one frame a message: BESS, clients of vde_switch, inherited descriptors. */
export class PacketLink implements OwnLink {
  readonly fd: number;
  readonly #port: number;
  readonly #type: PacketLinkSpec['type'];
  readonly #slots: FrameSlots;
  readonly #forwarder: Forwarder;
  readonly #inbox: Inbox;
  readonly #backlog: Backlog;
  readonly #queue: FrameQueue;
  #ended: number | 'closed' | undefined;

  constructor(port: number, { fd, port: kind, type }: PacketLinkSpec, parts: LinkParts) {
    this.fd = fd;
    this.#port = port;
    this.#type = type;
    this.#slots = parts.slots;
    this.#forwarder = parts.forwarder;
    this.#inbox = parts.inbox;
    this.#backlog = parts.backlog;
    this.#queue = new FrameQueue({ port, kind, fd, envelopes: NO_ENVELOPES }, parts);
  }

  get ended(): number | 'closed' | undefined {
    return this.#ended ?? (this.#queue.isClosed ? 'closed' : undefined);
  }

  take(): number {
    const result = this.#inbox.take(this.fd, BATCH, 'poll');
    if (result >= 0) return result;
    const errno = -result;
    if (isGone(errno)) this.#ended = 'closed';
    else if (errno !== EAGAIN && errno !== EINTR && errno !== ECONNREFUSED) this.#ended = errno;
    return 0;
  }

  pass(count: number): void {
    for (let slot = 0; slot < count; slot++) {
      const length = this.#inbox.length(slot);
      if (length === 0 && this.#type === 'seqpacket') {
        this.#ended = 'closed'; // the end; nobody sends packets without bytes
        return;
      }
      this.#forwarder.forward(this.#port, this.#slots.offset(slot), length);
    }
  }

  send(_port: number, offset: number, length: number): void {
    this.#queue.add(offset, length);
  }

  flush(): void {
    this.#queue.flush();
  }

  remove(): void {
    this.#backlog.forget(this.#port);
  }
}
