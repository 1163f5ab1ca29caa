import type { Arena } from '../../os/index.ts';
import type { Counters } from '../counters.ts';
import { type Forwarder, MIN_FRAME } from '../plane/forwarder.ts';
import { BATCH, type FrameSlots } from '../plane/frame-slots.ts';
import type { Inbox } from './inbox.ts';
import type { InetLinkSpec, LinkParts } from './index.ts';
import type { Envelope, Envelopes } from './outbox.ts';
import { QueuedLink } from './queued-link.ts';
import { SourceFilter } from './source-filter.ts';
import type { VtepGroup, Vteps } from './vteps.ts';
import { encodeVxlanHeader, isVxlanOf, VXLAN_HEADER } from './vxlan.ts';

/** In the room that PortNames has for a port, whose link keeps its peer's address there: behind the longest address. */
const PREFIX_AT = 32;

/** A trunk over UDP, one frame a datagram: to one peer, to a multicast group, or VXLAN. It never ends by itself. */
export class InetLink extends QueuedLink {
  readonly #vni: number | undefined;
  /** Bytes before the frame in a datagram. */
  readonly #skip: number;
  readonly #memory: Arena;
  readonly #slots: FrameSlots;
  readonly #forwarder: Forwarder;
  readonly #counters: Counters;
  readonly #inbox: Inbox;
  readonly #filter: SourceFilter;
  readonly #vteps: Vteps;
  /** The group that its peers are in, for VXLAN. */
  readonly #group: VtepGroup | undefined;

  constructor(port: number, { fd, sendFd, port: kind, to, from, vxlan }: InetLinkSpec, parts: LinkParts) {
    const vni = vxlan?.vni;
    const envelope = writeEnvelope(parts.memory, parts.names.offset(port), to, vni);
    const group =
      vxlan?.peers === 'group' ? { port, address: envelope.name, addressLength: envelope.nameLength } : undefined;
    const envelopes = group ? memberEnvelopes(parts.vteps, group, envelope) : { of: () => envelope };
    super(fd, { port, kind, fd: sendFd, envelopes }, parts);
    this.#group = group;
    this.#vni = vni;
    this.#skip = vni === undefined ? 0 : VXLAN_HEADER;
    this.#memory = parts.memory;
    this.#slots = parts.slots;
    this.#forwarder = parts.forwarder;
    this.#counters = parts.counters;
    this.#inbox = parts.namedInbox;
    this.#filter = new SourceFilter(parts.memory, from);
    this.#vteps = parts.vteps;
  }

  take(): number {
    // What a peer that is not there made the network answer comes as an error of the socket, and has no meaning.
    return Math.max(0, this.#inbox.take(this.fd, BATCH, 'poll'));
  }

  pass(count: number): void {
    if (this.#group) this.#vteps.catchUp();
    for (let slot = 0; slot < count; slot++) {
      const offset = this.#slots.offset(slot);
      const length = this.#inbox.length(slot);
      if (this.#filter.accepts(this.#inbox.name(slot)) && this.#isOurs(offset, length)) {
        if (this.#group && length >= VXLAN_HEADER + MIN_FRAME) {
          this.#vteps.learn(this.#group, offset + VXLAN_HEADER, this.#inbox.name(slot));
        }
        this.#forwarder.forward(this.port, offset + this.#skip, length - this.#skip);
      } else {
        this.#counters.received(this.port, length);
        this.#counters.dropped(this.port);
      }
    }
  }

  #isOurs(offset: number, length: number): boolean {
    if (this.#vni === undefined) return true;
    return length >= VXLAN_HEADER && isVxlanOf(this.#vni, this.#memory.u8, offset);
  }

  override flush(): void {
    if (this.#group) this.#vteps.catchUp();
    super.flush();
  }

  override remove(): void {
    super.remove();
    if (this.#group) this.#vteps.forgetPort(this.port);
  }
}

/** One envelope for all frames, whose address is changed as each frame needs it. */
function memberEnvelopes(vteps: Vteps, group: VtepGroup, toAll: Envelope): Envelopes {
  const envelope = { ...toAll };
  return {
    of(frame) {
      envelope.name = vteps.destination(group, frame);
      return envelope;
    },
  };
}

/** Writes what goes with each frame into the port's `room`. A socket that is connected needs no address. */
function writeEnvelope(memory: Arena, room: number, to: Uint8Array | undefined, vni: number | undefined): Envelope {
  if (to) memory.u8.set(to, room);
  if (vni !== undefined) memory.u8.set(encodeVxlanHeader(vni), room + PREFIX_AT);
  return {
    name: room,
    nameLength: to?.length ?? 0,
    prefix: room + PREFIX_AT,
    prefixLength: vni === undefined ? 0 : VXLAN_HEADER,
  };
}
