import { constants } from 'node:os';
import type { Forwarder } from '../plane/forwarder.ts';
import { BATCH, type FrameSlots } from '../plane/frame-slots.ts';
import { isGone } from './frame-queue.ts';
import type { Inbox } from './inbox.ts';
import type { LinkParts, PacketLinkSpec } from './index.ts';
import type { Envelope, Envelopes } from './outbox.ts';
import { QueuedLink } from './queued-link.ts';

const { EAGAIN, ECONNREFUSED, EINTR } = constants.errno;
const NO_ENVELOPE: Envelope = { name: 0, nameLength: 0, prefix: 0, prefixLength: 0 };
const NO_ENVELOPES: Envelopes = { of: () => NO_ENVELOPE };

/** A connected socket, one frame a message: BESS, clients of vde_switch, inherited descriptors. */
export class PacketLink extends QueuedLink {
  readonly #type: PacketLinkSpec['type'];
  readonly #slots: FrameSlots;
  readonly #forwarder: Forwarder;
  readonly #inbox: Inbox;

  constructor(port: number, { fd, port: kind, type }: PacketLinkSpec, parts: LinkParts) {
    super(fd, { port, kind, fd, envelopes: NO_ENVELOPES }, parts);
    this.#type = type;
    this.#slots = parts.slots;
    this.#forwarder = parts.forwarder;
    this.#inbox = parts.inbox;
  }

  take(): number {
    const result = this.#inbox.take(this.fd, BATCH, 'poll');
    if (result >= 0) return result;
    const errno = -result;
    if (isGone(errno)) this.end = 'closed';
    else if (errno !== EAGAIN && errno !== EINTR && errno !== ECONNREFUSED) this.end = errno;
    return 0;
  }

  pass(count: number): void {
    for (let slot = 0; slot < count; slot++) {
      const length = this.#inbox.length(slot);
      if (length === 0 && this.#type === 'seqpacket') {
        this.end = 'closed'; // the end; nobody sends packets without bytes
        return;
      }
      this.#forwarder.forward(this.port, this.#slots.offset(slot), length);
    }
  }
}
