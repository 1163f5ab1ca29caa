/** What the kernel says of a TUN/TAP device over rtnetlink: pure codec (linux/if_link.h, drivers/net/tun.c). */
import type { NetlinkMessage } from '../os/index.ts';

/** `tap` devices carry Ethernet frames, `tun` devices bare IP packets. */
export type TuntapMode = 'tap' | 'tun';

/** A TUN/TAP device as the kernel describes it (Linux 4.16 or later). */
export interface Link {
  name: string;
  /** The kernel's number for the interface; those made later have higher ones. */
  index: number;
  mode: TuntapMode;
  /** The uid that may open it besides root; undefined if none was set. */
  owner: number | undefined;
  /** The gid whose members may open it; undefined if none was set. */
  group: number | undefined;
  /** Whether it stays when no program has it open. */
  persistent: boolean;
  multiQueue: boolean;
  /** The programs that have a multi-queue device open, by their queues; undefined for others: the kernel does not say. */
  queues: number | undefined;
  /** Whether frames have a virtio-net header before them. */
  vnetHeader: boolean;
  /** Whether frames have the 4 bytes of struct tun_pi before them. */
  packetInfo: boolean;
  /** Whether the link is there: on while a program has the device open, unless it was switched off. */
  carrier: boolean;
}

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
/** sizeof(struct ifinfomsg). */
const IFINFOMSG_SIZE = 16;
const INDEX_OFFSET = 4;
const IFLA = { name: 3, linkInfo: 18, carrier: 33 } as const;
const IFLA_INFO = { kind: 1, data: 2 } as const;
const IFLA_TUN = {
  owner: 1,
  group: 2,
  type: 3,
  packetInfo: 4,
  vnetHeader: 5,
  persistent: 6,
  multiQueue: 7,
  queues: 8,
  disabledQueues: 9,
} as const;
const TYPE_TUN = 1;
/** NLA_F_NESTED and NLA_F_NET_BYTEORDER, which a type may be marked with. */
const TYPE_MASK = 0x3fff;
const ATTRIBUTE_HEADER = 4;

/** Asks for the device of a name, or for all. */
export function getLinkRequest(name?: string): NetlinkMessage {
  const attributes = name === undefined ? [] : [attribute(IFLA.name, cString(name))];
  return { type: RTM_GETLINK, body: Buffer.concat([Buffer.alloc(IFINFOMSG_SIZE), ...attributes]) };
}

/** Switches a device's carrier. */
export function setCarrierRequest(name: string, carrier: 'on' | 'off'): NetlinkMessage {
  const attributes = [
    attribute(IFLA.name, cString(name)),
    attribute(IFLA.carrier, Buffer.from([carrier === 'on' ? 1 : 0])),
  ];
  return { type: RTM_NEWLINK, body: Buffer.concat([Buffer.alloc(IFINFOMSG_SIZE), ...attributes]) };
}

/** The TUN/TAP device that a message tells of; undefined if it tells of something else. */
export function parseLink({ type, body }: NetlinkMessage): Link | undefined {
  if (type !== RTM_NEWLINK || body.length < IFINFOMSG_SIZE) return undefined;
  const link = attributesOf(body.subarray(IFINFOMSG_SIZE));
  const info = attributesOf(link.get(IFLA.linkInfo));
  const name = link.get(IFLA.name);
  if (!name || textOf(info.get(IFLA_INFO.kind)) !== 'tun') return undefined;
  const data = attributesOf(info.get(IFLA_INFO.data));
  const multiQueue = byte(data.get(IFLA_TUN.multiQueue)) === 1;
  return {
    name: textOf(name),
    index: body.readInt32LE(INDEX_OFFSET),
    mode: byte(data.get(IFLA_TUN.type)) === TYPE_TUN ? 'tun' : 'tap',
    owner: word(data.get(IFLA_TUN.owner)),
    group: word(data.get(IFLA_TUN.group)),
    persistent: byte(data.get(IFLA_TUN.persistent)) === 1,
    multiQueue,
    queues: multiQueue
      ? (word(data.get(IFLA_TUN.queues)) ?? 0) + (word(data.get(IFLA_TUN.disabledQueues)) ?? 0)
      : undefined,
    vnetHeader: byte(data.get(IFLA_TUN.vnetHeader)) === 1,
    packetInfo: byte(data.get(IFLA_TUN.packetInfo)) === 1,
    carrier: byte(link.get(IFLA.carrier)) === 1,
  };
}

/** A struct nlattr: 16-bit length with its header, 16-bit type, the value, padding to 4 bytes. */
function attribute(type: number, value: Uint8Array): Buffer {
  const length = ATTRIBUTE_HEADER + value.length;
  const bytes = Buffer.alloc(Math.ceil(length / 4) * 4);
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, ATTRIBUTE_HEADER);
  return bytes;
}

/** The attributes in some bytes, by their types. One that claims more than there is ends them. */
function attributesOf(bytes: Buffer = Buffer.alloc(0)): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + ATTRIBUTE_HEADER <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER || at + length > bytes.length) break;
    found.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + ATTRIBUTE_HEADER, at + length));
    at += Math.ceil(length / 4) * 4;
  }
  return found;
}

const cString = (text: string): Buffer => Buffer.from(`${text}\0`);
const byte = (value: Buffer | undefined): number | undefined => value?.[0];
const word = (value: Buffer | undefined): number | undefined =>
  value && value.length >= 4 ? value.readUInt32LE(0) : undefined;

function textOf(value: Buffer | undefined): string {
  const end = value?.indexOf(0) ?? 0;
  return value?.toString('utf8', 0, end < 0 ? value.length : end) ?? '';
}
