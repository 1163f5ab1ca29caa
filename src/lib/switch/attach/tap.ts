import { closeSync, constants, openSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { errnoOf, ioctl, OsError } from '../../os/index.ts';
import { SwitchError } from '../error.ts';

const TUNSETIFF = 0x400454ca;
export const IFF_TAP = 0x0002;
export const IFF_NO_PI = 0x1000;
export const IFREQ_SIZE = 40;
/** IFNAMSIZ with its NUL. */
export const NAME_SIZE = 16;

/**
 * Attaches to the tap device of this name, which is made if it is not there. Non-blocking, closed on exec.
 * @throws SwitchError TAP
 */
export function openTap(name: string): number {
  const fd = step('open', () => openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK));
  try {
    step('name', () => {
      const bytes = Buffer.from(name);
      if (bytes.length >= NAME_SIZE) throw new OsError('ioctl', osConstants.errno.ENAMETOOLONG, name);
      const request = Buffer.alloc(IFREQ_SIZE);
      request.set(bytes);
      request.writeInt16LE(IFF_TAP | IFF_NO_PI, NAME_SIZE);
      ioctl(fd, TUNSETIFF, request);
    });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function step<T>(name: 'open' | 'name', action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new SwitchError({ code: 'TAP', step: name, errno: errnoOf(error) ?? 0 });
  }
}
