/** UDP sockets over IPv4 and IPv6, and multicast (ip(7), ipv6(7)). */

import { constants } from 'node:os';
import { check, OsError } from './error.ts';
import { lastErrno, libc } from './libc.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 0o2004002;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** The options of the two families that mean the same. */
const OPTIONS = {
  4: { level: IPPROTO_IP, interface: 32, ttl: 33, loop: 34, join: 35, pathMtu: 10 },
  6: { level: IPPROTO_IPV6, interface: 17, ttl: 18, loop: 19, join: 20, pathMtu: 23 },
} as const;
/** IP_PMTUDISC_DO, and the same of IPv6. */
const NEVER_FRAGMENT = 2;

export type IpVersion = 4 | 6;

/** A raw `struct sockaddr_in` (16 bytes) or `sockaddr_in6` (28 bytes). */
export type InetAddress = Uint8Array;

/** Where the fields of both are: the port in both, the address by family. */
export const SOCKADDR_IN = { size: 16, port: 2, address: 4, addressSize: 4 } as const;
export const SOCKADDR_IN6 = { size: 28, port: 2, address: 8, addressSize: 16, scope: 24 } as const;

/**
 * The address of a numeric IP address and a port. An IPv6 address may name its interface: `fe80::1%eth0`.
 * @throws OsError EINVAL for what is no IP address, ENODEV for an interface that is not there
 */
export function inetAddress(address: string, port: number): InetAddress {
  const version = process.getBuiltinModule('node:net').isIP(address); // not imported: most tools do without
  if (version === 4) {
    const bytes = Buffer.alloc(SOCKADDR_IN.size);
    bytes.writeUInt16LE(AF_INET, 0);
    bytes.writeUInt16BE(port, SOCKADDR_IN.port);
    bytes.set(address.split('.').map(Number), SOCKADDR_IN.address);
    return bytes;
  }
  if (version !== 6) throw new OsError('inet_pton', constants.errno.EINVAL);
  const [host = '', scope] = address.split('%');
  const bytes = Buffer.alloc(SOCKADDR_IN6.size);
  bytes.writeUInt16LE(AF_INET6, 0);
  bytes.writeUInt16BE(port, SOCKADDR_IN6.port);
  bytes.set(ipv6Bytes(host), SOCKADDR_IN6.address);
  if (scope !== undefined) bytes.writeUInt32LE(interfaceIndex(scope), SOCKADDR_IN6.scope);
  return bytes;
}

/** The 16 bytes of an address that `isIP` took: `::` stands for as many zero words as are missing. */
function ipv6Bytes(host: string): Buffer {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  const [, front = '', ...numbers] = dotted ?? [];
  const word = (at: number): string => (Number(numbers[at]) * 256 + Number(numbers[at + 1])).toString(16);
  const [head = '', tail] = (dotted ? `${front}${word(0)}:${word(2)}` : host).split('::');
  const words = (part: string | undefined): number[] =>
    part ? part.split(':').map((each) => Number(`0x${each}`)) : [];
  const [before, after] = [words(head), words(tail)];
  const bytes = Buffer.alloc(16);
  for (const [at, value] of before.entries()) bytes.writeUInt16BE(value, 2 * at);
  for (const [at, value] of after.entries()) bytes.writeUInt16BE(value, 2 * (8 - after.length + at));
  return bytes;
}

/** The number of the interface that an IPv6 address names; 0 for none, and for IPv4. */
export function scopeOf(address: InetAddress): number {
  return ipVersion(address) === 4 ? 0 : Buffer.from(address).readUInt32LE(SOCKADDR_IN6.scope);
}

/** Any address of this host, with the port of another. */
export function anyAddress(like: InetAddress): InetAddress {
  const bytes = Buffer.alloc(like.length);
  bytes.set(like.subarray(0, SOCKADDR_IN.address));
  return bytes;
}

export function ipVersion(address: InetAddress): IpVersion {
  return address.length === SOCKADDR_IN.size ? 4 : 6;
}

/** Whether an address is a group's: 224.0.0.0/4, or ff00::/8. */
export function isMulticast(address: InetAddress): boolean {
  if (ipVersion(address) === 4) return (address[SOCKADDR_IN.address]! & 0xf0) === 0xe0;
  return address[SOCKADDR_IN6.address] === 0xff;
}

/** The number of a network interface. OsError ENODEV if there is none of this name. */
export function interfaceIndex(name: string): number {
  const index = libc.if_nametoindex(Buffer.from(`${name}\0`));
  if (index === 0) throw new OsError('if_nametoindex', lastErrno(), name);
  return index;
}

/** A new UDP socket: non-blocking, closed on exec. One of IPv6 does not take IPv4. */
export function udpSocket(version: IpVersion): number {
  const family = version === 4 ? AF_INET : AF_INET6;
  const fd = check('socket', libc.socket(family, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0));
  if (version === 6) setInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  return fd;
}

/** Lets other sockets have the same address, if they allow it too: for multicast, all of them get each datagram. */
export function shareAddress(fd: number): void {
  setInt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

/** Datagrams that the way to the receiver is too narrow for fail with EMSGSIZE instead of being sent in pieces. */
export function neverFragment(fd: number, version: IpVersion): void {
  setInt(fd, OPTIONS[version].level, OPTIONS[version].pathMtu, NEVER_FRAGMENT);
}

/**
 * An interface for multicast: its number, 0 for the one that the route to the group names, or (IPv4) one of its
 * addresses, where 0.0.0.0 is the route's again.
 */
export type MulticastInterface = number | InetAddress;

/** Takes a socket into a multicast group. */
export function joinGroup(fd: number, group: InetAddress, via: MulticastInterface): void {
  const version = ipVersion(group);
  const { level, join } = OPTIONS[version];
  const { address, addressSize } = version === 4 ? SOCKADDR_IN : SOCKADDR_IN6;
  const wanted = group.subarray(address, address + addressSize);
  const request = version === 4 ? mreqn(wanted, via) : Buffer.concat([wanted, word(Number(via))]); // struct ipv6_mreq
  check('setsockopt', libc.setsockopt(fd, level, join, request, request.length));
}

/** How a socket sends to groups: over which interface, how far, and whether other sockets of this host get it too. */
export function setMulticast(
  fd: number,
  version: IpVersion,
  { via, ttl, loop }: { via: MulticastInterface; ttl: number; loop: 'on' | 'off' },
): void {
  const options = OPTIONS[version];
  setInt(fd, options.level, options.ttl, ttl);
  setInt(fd, options.level, options.loop, loop === 'on' ? 1 : 0);
  const request = version === 4 ? mreqn(new Uint8Array(4), via) : word(Number(via));
  check('setsockopt', libc.setsockopt(fd, options.level, options.interface, request, request.length));
}

/** struct ip_mreqn: group, address of the interface, number of the interface. */
function mreqn(group: Uint8Array, via: MulticastInterface): Buffer {
  const request = Buffer.alloc(12);
  request.set(group);
  if (typeof via === 'number') request.writeInt32LE(via, 8);
  else request.set(via.subarray(SOCKADDR_IN.address, SOCKADDR_IN.address + SOCKADDR_IN.addressSize), 4);
  return request;
}

function setInt(fd: number, level: number, option: number, value: number): void {
  check('setsockopt', libc.setsockopt(fd, level, option, word(value), 4));
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
