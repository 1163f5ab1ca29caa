import { hasCode, isConnected, setNonBlocking, socketType, statusFlags } from '../../os/index.ts';
import { type AttachedDevice, attachedDevice, TuntapError } from '../../tuntap/index.ts';
import { type DescriptorTrouble, SwitchError } from '../error.ts';
import type { OwnLinkSpec } from '../links/index.ts';

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
  const device = deviceOf(fd);
  if (device === undefined) throw refuse('other');
  if (device.mode === 'tun') throw refuse('tun');
  if (device.packetInfo || device.vnetHeader) throw refuse('header');
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

/** The tun or tap device that it is attached to. */
function deviceOf(fd: number): AttachedDevice | undefined {
  try {
    return attachedDevice(fd);
  } catch (error) {
    if (error instanceof TuntapError) return undefined; // ENOTTY, or EBADFD from a tun device without an interface
    throw error;
  }
}
