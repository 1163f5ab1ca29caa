import { closeSync, constants, openSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { errnoOf, ioctl } from '../os/index.ts';
import { TuntapError, type TuntapRequest } from './error.ts';
import type { Link, TuntapMode } from './link.ts';
import { findLink } from './links.ts';

const REQUESTS: Readonly<Record<TuntapRequest, number>> = {
  TUNSETIFF: 0x400454ca,
  TUNSETPERSIST: 0x400454cb,
  TUNSETOWNER: 0x400454cc,
  TUNSETGROUP: 0x400454ce,
  TUNGETIFF: 0x800454d2,
};
const IFF = { tun: 0x0001, tap: 0x0002, noPacketInfo: 0x1000, vnetHeader: 0x4000, multiQueue: 0x0100 } as const;
/** sizeof(struct ifreq); the flags follow the name. */
const IFREQ_SIZE = 40;
/** IFNAMSIZ, with the NUL. */
const NAME_SIZE = 16;
const { EINVAL, ENAMETOOLONG } = osConstants.errno;

/** Where TUN/TAP devices come from, unless another file is named. */
export const CLONE_DEVICE = '/dev/net/tun';

export interface AttachOptions {
  /** One of several descriptors for the device, each a queue of its own; all of them must ask for it. */
  multiQueue?: boolean;
  /** Frames have a virtio-net header (10 bytes) before them. */
  vnetHeader?: boolean;
  /** The file to open instead of /dev/net/tun. */
  cloneDevice?: string;
}

export interface CreateOptions extends AttachOptions {
  /** Empty or left out, the kernel chooses the next free tapN or tunN; `%d` in it becomes the next free number. */
  name?: string;
  /** `tap` if left out. */
  mode?: TuntapMode;
  /**
   * The uid that may open and delete it besides CAP_NET_ADMIN. Left out, an existing device keeps its own and a new one
   * has none: with neither owner nor group it is open to whoever can open the clone device.
   */
  owner?: number;
  /** The gid whose members may open and delete it; with an owner too, one must be both. Left out, as the owner. */
  group?: number;
}

export type AttachedDevice = Pick<Link, 'name' | 'mode' | 'multiQueue' | 'vnetHeader' | 'packetInfo'>;

/**
 * Makes a persistent device, or gives an existing one of this name and kind its owner and group. What fails on the way
 * leaves no new device behind: it is made persistent last.
 * @returns its name
 * @throws TuntapError OPEN, NAME, REQUEST
 */
export function createDevice(options: CreateOptions = {}): string {
  const { name = '', mode = 'tap', owner, group, cloneDevice, ...kind } = options;
  const fd = openClone(cloneDevice);
  try {
    const device = attach(fd, name, { mode, ...kind });
    if (owner !== undefined) request(fd, 'TUNSETOWNER', owner, device);
    if (group !== undefined) request(fd, 'TUNSETGROUP', group, device);
    request(fd, 'TUNSETPERSIST', 1, device);
    return device;
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes a device nonpersistent: it goes when no program has it open any more, which is at once if none has. A device
 * with a single queue can't be deleted while it is open (REQUEST with EBUSY).
 * @returns its name
 * @throws TuntapError OPEN, NAME, NO_DEVICE, NETLINK, REQUEST
 */
export function deleteDevice(name: string, { cloneDevice }: Pick<AttachOptions, 'cloneDevice'> = {}): string {
  const fd = openClone(cloneDevice);
  try {
    // To attach would make a device that is not there, and is refused unless all of its kind is asked for.
    const device = attach(fd, name, findLink(checkedName(name), 'delete') ?? { mode: 'tap' });
    request(fd, 'TUNSETPERSIST', 0, device);
    return device;
  } finally {
    closeSync(fd);
  }
}

/**
 * Attaches to a tap device, which is made if it is not there and then lasts as long as the descriptor.
 * @returns a descriptor: a read takes one Ethernet frame, a write gives one; non-blocking, closed on exec
 * @throws TuntapError OPEN, NAME, REQUEST
 */
export function attachTap(name: string, options: AttachOptions = {}): number {
  return openAttached(name, 'tap', options);
}

/**
 * Attaches to a tun device, as attachTap does to a tap device; what is read and written are IP packets.
 * @throws TuntapError OPEN, NAME, REQUEST
 */
export function attachTun(name: string, options: AttachOptions = {}): number {
  return openAttached(name, 'tun', options);
}

/**
 * Makes a user the owner of the device that a descriptor is attached to.
 * @throws TuntapError REQUEST
 */
export function setOwner(fd: number, uid: number): void {
  request(fd, 'TUNSETOWNER', uid, '');
}

/**
 * What a descriptor is attached to: the device's name where the kernel chose it, and how frames come.
 * @throws TuntapError REQUEST: ENOTTY if it is no descriptor of this sort, EBADFD if it is attached to nothing
 */
export function attachedDevice(fd: number): AttachedDevice {
  const ifreq = Buffer.alloc(IFREQ_SIZE);
  request(fd, 'TUNGETIFF', ifreq, '');
  const flags = ifreq.readUInt16LE(NAME_SIZE);
  return {
    name: nameIn(ifreq),
    mode: flags & IFF.tun ? 'tun' : 'tap',
    multiQueue: (flags & IFF.multiQueue) !== 0,
    vnetHeader: (flags & IFF.vnetHeader) !== 0,
    packetInfo: (flags & IFF.noPacketInfo) === 0,
  };
}

function openAttached(name: string, mode: TuntapMode, { cloneDevice, ...kind }: AttachOptions): number {
  const fd = openClone(cloneDevice);
  try {
    attach(fd, name, { mode, ...kind });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openClone(path = CLONE_DEVICE): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    throw new TuntapError({ code: 'OPEN', step: 'open', errno: errnoOf(error) ?? 0, path }, error);
  }
}

type Kind = Pick<Link, 'mode'> & Partial<Pick<Link, 'multiQueue' | 'vnetHeader' | 'packetInfo'>>;

/** Ties a descriptor to a device of this name and kind, which is made if it is not there. The device's name. */
function attach(fd: number, name: string, { mode, multiQueue, vnetHeader, packetInfo }: Kind): string {
  const ifreq = Buffer.alloc(IFREQ_SIZE);
  ifreq.write(checkedName(name));
  const flags =
    IFF[mode] |
    (packetInfo ? 0 : IFF.noPacketInfo) |
    (vnetHeader ? IFF.vnetHeader : 0) |
    (multiQueue ? IFF.multiQueue : 0);
  ifreq.writeUInt16LE(flags, NAME_SIZE);
  request(fd, 'TUNSETIFF', ifreq, name);
  return nameIn(ifreq);
}

/** The kernel would cut such a name, and take another device. */
function checkedName(name: string): string {
  const errno = name.includes('\0') ? EINVAL : Buffer.byteLength(name) >= NAME_SIZE ? ENAMETOOLONG : undefined;
  if (errno !== undefined) throw new TuntapError({ code: 'NAME', step: 'name', errno, device: name });
  return name;
}

function nameIn(ifreq: Buffer): string {
  return ifreq.toString('utf8', 0, ifreq.indexOf(0));
}

function request(fd: number, step: TuntapRequest, argument: number | Uint8Array, device: string): void {
  try {
    ioctl(fd, REQUESTS[step], argument);
  } catch (error) {
    throw new TuntapError({ code: 'REQUEST', step, errno: errnoOf(error) ?? 0, device }, error);
  }
}
