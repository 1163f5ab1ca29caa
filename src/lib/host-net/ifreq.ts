import { isIPv4 } from 'node:net';
import { constants } from 'node:os';
import { closeFd, inetAddress, ioctl, udpSocket } from '../os/index.ts';
import { asking, HostNetError, type Request } from './error.ts';

/** The ioctls of a socket (linux/sockios.h). */
const NUMBERS = {
  SIOCADDRT: 0x890b,
  SIOCDELRT: 0x890c,
  SIOCGIFFLAGS: 0x8913,
  SIOCSIFFLAGS: 0x8914,
  SIOCSIFADDR: 0x8916,
  SIOCSIFNETMASK: 0x891c,
  SIOCSIFMTU: 0x8922,
  SIOCGIFHWADDR: 0x8927,
  SIOCDARP: 0x8953,
  SIOCSARP: 0x8955,
} as const satisfies Partial<Record<Request, number>>;

export type SocketRequest = keyof typeof NUMBERS;

/** sizeof(struct ifreq): the name, then a union that the request tells the meaning of. */
export const IFREQ_SIZE = 40;
/** IFNAMSIZ, with the NUL. */
export const NAME_SIZE = 16;
/** Where the union of struct ifreq is. */
export const IFREQ_VALUE = NAME_SIZE;

/** A struct ifreq for an interface. ENODEV for a name that would not fit: the kernel would cut it, and take another. */
export function ifreq(request: Request, name: string): Buffer {
  const bytes = Buffer.alloc(IFREQ_SIZE);
  bytes.set(nameBytes(request, name));
  return bytes;
}

/** The bytes of an interface's name, no more than fit with a NUL. */
export function nameBytes(request: Request, name: string): Buffer {
  const bytes = Buffer.from(name);
  if (bytes.length >= NAME_SIZE || bytes.includes(0)) throw new HostNetError(request, constants.errno.ENODEV);
  return bytes;
}

/** A struct sockaddr of an IPv4 address. EINVAL for what is no such address. */
export function socketAddressOf(request: Request, address: string): Uint8Array {
  if (!isIPv4(address)) throw new HostNetError(request, constants.errno.EINVAL);
  return inetAddress(address, 0);
}

/** Asks the kernel about the network of this process; `argument` is changed to the answer. */
export function ask(request: SocketRequest, argument: Uint8Array): void {
  const fd = udpSocket(4);
  try {
    asking(request, () => ioctl(fd, NUMBERS[request], argument));
  } finally {
    closeFd(fd);
  }
}
