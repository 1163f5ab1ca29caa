import { readFileSync } from 'node:fs';
import { koffi } from '../os/index.ts';
import { asking } from './error.ts';
import { ask, nameBytes, socketAddressOf } from './ifreq.ts';
import { parseRoutes, type Route } from './route-table.ts';

/** struct rtentry of 64-bit Linux (linux/route.h), of which a host route needs these; `device` is a pointer. */
const RTENTRY = { size: 120, destination: 8, flags: 56, device: 88 } as const;
const RTF_UP = 1;
const RTF_HOST = 4;

/**
 * Routes an address through an interface (`route add -host`).
 * @throws HostNetError SIOCADDRT: EEXIST, ENODEV, ENETDOWN, EINVAL for what is no address
 */
export function addHostRoute(address: string, device: string): void {
  change('SIOCADDRT', address, device);
}

/** @throws HostNetError SIOCDELRT: ESRCH for a route that is not there, ENODEV */
export function deleteHostRoute(address: string, device: string): void {
  change('SIOCDELRT', address, device);
}

function change(request: 'SIOCADDRT' | 'SIOCDELRT', address: string, device: string): void {
  const name = nameBytes(request, device);
  const bytes = Buffer.alloc(RTENTRY.size + name.length + 1); // the name lies behind the structure that points to it
  bytes.set(socketAddressOf(request, address), RTENTRY.destination);
  bytes.writeUInt16LE(RTF_UP | RTF_HOST, RTENTRY.flags);
  bytes.set(name, RTENTRY.size);
  bytes.writeBigUInt64LE(BigInt(koffi().address(bytes)) + BigInt(RTENTRY.size), RTENTRY.device);
  ask(request, bytes);
}

/** The IPv4 routes of this network namespace. HostNetError `read` where /proc can't be read. */
export function readRoutes(): Route[] {
  return parseRoutes(asking('read', () => readFileSync('/proc/net/route', 'latin1')));
}
