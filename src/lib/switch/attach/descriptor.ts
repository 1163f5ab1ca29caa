import { hasCode, ioctl, isConnected, setNonBlocking, socketType, statusFlags } from '../../os/index.ts';
import { type DescriptorTrouble, SwitchError } from '../error.ts';
import type { OwnLinkSpec } from '../links/index.ts';
import { IFF_NO_PI, IFF_TAP, IFREQ_SIZE, NAME_SIZE } from './tap.ts';

const TUNGETIFF = 0x800454d2;
const IFF_VNET_HDR = 0x4000;

/**
 * Finds out what an inherited descriptor is: a connected socket with one frame a message, or a tap's.
 * @throws SwitchError DESCRIPTOR
 */
export function openDescriptor(fd: number): OwnLinkSpec {
  const refuse = (reason: DescriptorTrouble) => new SwitchError({ code: 'DESCRIPTOR', fd, reason });
  try {
    statusFlags(fd);
  } catch (error) {
    if (hasCode(error, 'EBADF')) throw refuse('closed');
    throw error;
  }
  const type = typeOf(fd);
  if (type !== undefined) {
    if (type === 'stream') throw refuse('stream');
    if (type === 'other') throw refuse('other');
    if (!isConnected(fd)) throw refuse('unconnected');
    return { kind: 'packet', port: 'fd', fd, type };
  }
  const flags = tapFlags(fd);
  if (flags === undefined) throw refuse('other');
  if (!(flags & IFF_TAP)) throw refuse('tun');
  if (!(flags & IFF_NO_PI) || flags & IFF_VNET_HDR) throw refuse('header');
  setNonBlocking(fd);
  return { kind: 'tap', fd };
}

function typeOf(fd: number): ReturnType<typeof socketType> | undefined {
  try {
    return socketType(fd);
  } catch (error) {
    if (hasCode(error, 'ENOTSOCK')) return undefined;
    throw error;
  }
}

/** The flags of a tun or tap device that is attached to an interface. */
function tapFlags(fd: number): number | undefined {
  const request = Buffer.alloc(IFREQ_SIZE);
  try {
    ioctl(fd, TUNGETIFF, request);
    return request.readUInt16LE(NAME_SIZE);
  } catch {
    return undefined; // ENOTTY, or EBADFD from a tun device without an interface
  }
}
