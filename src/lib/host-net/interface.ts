import { ask, IFREQ_VALUE, ifreq, NAME_SIZE, socketAddressOf } from './ifreq.ts';

const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;

/** Whether a name can be an interface's and nothing else: letters and digits, as UML's tapN and slN are. */
export function isInterfaceName(name: string): boolean {
  return /^[A-Za-z0-9]+$/.test(name) && name.length < NAME_SIZE;
}

/**
 * Gives an interface an IPv4 address; 0.0.0.0 takes it away.
 * @param address dotted decimal
 * @throws HostNetError SIOCSIFADDR: EINVAL for what is no address, ENODEV, EPERM
 */
export function setAddress(name: string, address: string): void {
  setSocketAddress('SIOCSIFADDR', name, address);
}

/** @throws HostNetError SIOCSIFNETMASK; EADDRNOTAVAIL for an interface without an address */
export function setNetmask(name: string, netmask: string): void {
  setSocketAddress('SIOCSIFNETMASK', name, netmask);
}

function setSocketAddress(request: 'SIOCSIFADDR' | 'SIOCSIFNETMASK', name: string, address: string): void {
  const bytes = ifreq(request, name);
  bytes.set(socketAddressOf(request, address), IFREQ_VALUE);
  ask(request, bytes);
}

/**
 * @param mtu the most bytes of an IP packet
 * @throws HostNetError SIOCSIFMTU
 */
export function setMtu(name: string, mtu: number): void {
  const bytes = ifreq('SIOCSIFMTU', name);
  bytes.writeInt32LE(mtu, IFREQ_VALUE);
  ask('SIOCSIFMTU', bytes);
}

/** @throws HostNetError SIOCGIFFLAGS, SIOCSIFFLAGS */
export function bringUp(name: string): void {
  changeFlags(name, (flags) => flags | IFF_UP | IFF_RUNNING);
}

/** @throws HostNetError SIOCGIFFLAGS, SIOCSIFFLAGS */
export function bringDown(name: string): void {
  changeFlags(name, (flags) => flags & ~IFF_UP);
}

function changeFlags(name: string, change: (flags: number) => number): void {
  const bytes = ifreq('SIOCGIFFLAGS', name);
  ask('SIOCGIFFLAGS', bytes);
  bytes.writeUInt16LE(change(bytes.readUInt16LE(IFREQ_VALUE)), IFREQ_VALUE);
  ask('SIOCSIFFLAGS', bytes);
}
