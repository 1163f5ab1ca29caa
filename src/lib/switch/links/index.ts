/** The ways on which frames reach ports and come from them; one small implementation of `Link` for each. */
import type { Arena } from '../../os/index.ts';
import type { Counters } from '../counters.ts';
import { type Forwarder, type Link, MAX_PORTS } from '../plane/forwarder.ts';
import type { FrameSlots } from '../plane/frame-slots.ts';
import type { Reporter } from '../plane/reporter.ts';
import type { PortKind } from '../ports.ts';
import { BACKLOG_SIZE, Backlog } from './backlog.ts';
import { DaemonLink } from './daemon-link.ts';
import { Inbox } from './inbox.ts';
import { InetLink } from './inet-link.ts';
import { Outbox } from './outbox.ts';
import { PacketLink } from './packet-link.ts';
import { Patience } from './patience.ts';
import { PortNames } from './port-names.ts';
import { STREAM_SIZE, StreamLink } from './stream-link.ts';
import { TapLink } from './tap-link.ts';
import { Vteps } from './vteps.ts';

/** Which datagrams of an inet link are its peer's. Addresses are raw, as the kernel gives them. */
export type SourceRule =
  | { take: 'all' }
  /** Those of this address and port. */
  | { take: 'endpoint'; address: Uint8Array }
  /** Those of this address, from any port. */
  | { take: 'host'; address: Uint8Array }
  /** All but those of this address and port: our own, which a multicast group sends back. */
  | { take: 'others'; address: Uint8Array };

/** What a link is made from, in the thread of the frames. Descriptors stay the main thread's. */
export type LinkSpec =
  /** One of the clients behind the data socket, by its address of 110 bytes. */
  { kind: 'client'; address: Uint8Array } | OwnLinkSpec;

/** A port with a descriptor of its own. */
export type OwnLinkSpec =
  /** A tap's descriptor, non-blocking. */
  { kind: 'tap'; fd: number } | PacketLinkSpec | StreamLinkSpec | InetLinkSpec;

/** A connected socket with one frame a message, for a port of kind `port`. */
export interface PacketLinkSpec {
  kind: 'packet';
  port: PortKind;
  fd: number;
  type: 'seqpacket' | 'dgram';
}

/** A connected stream socket with frames behind their lengths, for a port of kind `port`. Non-blocking. */
export interface StreamLinkSpec {
  kind: 'stream';
  port: PortKind;
  fd: number;
}

/**
 * UDP sockets with one frame a datagram: frames come on `fd` and go out on `sendFd` (which may be the same), to the
 * address `to` if that is not connected. With `vxlan` the datagrams are VXLAN's: of one peer, or of a group, whose members
 * also send to each other.
 */
export interface InetLinkSpec {
  kind: 'inet';
  port: 'udp' | 'mcast' | 'vxlan';
  fd: number;
  sendFd: number;
  to: Uint8Array | undefined;
  from: SourceRule;
  vxlan?: { vni: number; peers: 'one' | 'group' } | undefined;
}

/** What all links share. */
export interface LinkContext {
  readonly memory: Arena;
  readonly slots: FrameSlots;
  readonly forwarder: Forwarder;
  readonly reporter: Reporter;
  readonly counters: Counters;
  /** Sending to a port found that it `ended`; it may never have anything to receive again. */
  readonly onEnd: (port: number) => void;
}

/** What ended a link: an errno, the other side's leaving, or a length in a stream that no frame has. */
export type LinkEnd = number | 'closed' | { badLength: number };

/** A link with a descriptor of its own, which is one port. */
export interface OwnLink extends Link {
  readonly ended: LinkEnd | undefined;
}

/** What links need beside the context, and have in common. */
export interface LinkParts extends LinkContext {
  readonly names: PortNames;
  readonly patience: Patience;
  readonly backlog: Backlog;
  readonly inbox: Inbox;
  /** It also tells where datagrams came from. */
  readonly namedInbox: Inbox;
  readonly outbox: Outbox;
  readonly vteps: Vteps;
  /** STREAM_SIZE bytes for each port. */
  readonly streams: number;
}

/** The links of a switch. */
export interface Links {
  /** Of all clients of the daemon protocol, behind the one data socket. */
  readonly clients: DaemonLink;
  /** Frames for ports whose queue is full. */
  readonly backlog: Backlog;
  /** Where addresses are beyond VXLAN groups. */
  readonly vteps: Vteps;
  /** The link of a port that has a descriptor of its own. */
  open(port: number, spec: OwnLinkSpec): OwnLink;
}

/** The memory that links need besides 2 MiB, in bytes; pages that no frame touches take none. */
export const LINKS_SIZE = BACKLOG_SIZE + MAX_PORTS * STREAM_SIZE;

/** `dataFd` is the data socket, blocking. */
export function makeLinks(dataFd: number, context: LinkContext): Links {
  const { memory, slots, counters } = context;
  const patience = new Patience(counters);
  const parts: LinkParts = {
    ...context,
    names: new PortNames(memory),
    patience,
    backlog: new Backlog(memory, patience),
    inbox: new Inbox(memory, slots, 'no names'),
    namedInbox: new Inbox(memory, slots, 'names'),
    outbox: new Outbox(memory),
    vteps: new Vteps(memory),
    streams: memory.take(MAX_PORTS * STREAM_SIZE),
  };
  return {
    backlog: parts.backlog,
    vteps: parts.vteps,
    clients: new DaemonLink(dataFd, parts),
    open(port, spec) {
      switch (spec.kind) {
        case 'tap':
          return new TapLink(port, spec.fd, context);
        case 'packet':
          return new PacketLink(port, spec, parts);
        case 'stream':
          return new StreamLink(port, spec, parts);
        case 'inet':
          return new InetLink(port, spec, parts);
      }
    },
  };
}
