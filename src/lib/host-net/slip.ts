import { ioctl } from '../os/index.ts';
import { asking } from './error.ts';
import { IFREQ_SIZE } from './ifreq.ts';

const TIOCSETD = 0x5423;
const SIOCGIFNAME = 0x8910;
const SIOCSIFENCAP = 0x8926;
const N_SLIP = 1;
/** Plain SLIP, without compressed headers: SL_MODE_SLIP of drivers/net/slip/slip.h. */
const PLAIN = 0;

/**
 * Makes a terminal line an interface that carries IP packets (RFC 1055). It lasts as long as the line is open.
 * @returns the interface's name, slN
 * @throws HostNetError TIOCSETD: EINVAL where the kernel has no SLIP, ENOTTY; SIOCSIFENCAP, SIOCGIFNAME
 */
export function makeSlip(fd: number): string {
  asking('TIOCSETD', () => ioctl(fd, TIOCSETD, int(N_SLIP)));
  asking('SIOCSIFENCAP', () => ioctl(fd, SIOCSIFENCAP, int(PLAIN)));
  return slipName(fd);
}

/** The interface that a line was made. HostNetError SIOCGIFNAME: ENOTTY, EINVAL for a line that is none. */
export function slipName(fd: number): string {
  const name = Buffer.alloc(IFREQ_SIZE); // a socket, which a caller may give, takes it for a struct ifreq: of interface 0
  asking('SIOCGIFNAME', () => ioctl(fd, SIOCGIFNAME, name));
  return name.toString('latin1', 0, name.indexOf(0));
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
