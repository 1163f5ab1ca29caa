import { isIPv4 } from 'node:net';
import { readRoutes } from '../host-net/index.ts';
import { changeArp, changeRoute, setProxyArp } from './steps.ts';
import type { Transcript } from './transcript.ts';

/** The interface that the guest is announced on where no netmask tells of the networks that it belongs to. */
const DEFAULT_LAN = 'eth0';

export interface AddressChange {
  operation: 'add' | 'del';
  device: string;
  address: string;
  netmask: string | undefined;
}

/**
 * Routes a guest's address to its device, and has the host answer for it on the networks that it belongs to; or ends that.
 * @param others whether to end the answering also where the address was not routed to this device
 */
export function changeAddress(
  { operation, device, address, netmask }: AddressChange,
  transcript: Transcript,
  others: 'always' | 'if routed',
): void {
  const routed = changeRoute(transcript, operation, address, device);
  setProxyArp(transcript, device, operation === 'add' ? 1 : 0);
  if (operation === 'del' && others === 'if routed' && !routed) return;
  for (const lan of lansOf(address, netmask, device, transcript)) changeArp(transcript, operation, address, lan);
}

/** The interfaces, other than the guest's own, with a route to the network of the address: once for each route. */
function lansOf(address: string, netmask: string | undefined, device: string, transcript: Transcript): string[] {
  if (netmask === undefined) return [DEFAULT_LAN];
  for (const [what, word] of Object.entries({ address, netmask })) {
    if (isIPv4(word)) continue;
    transcript.add(`local_net_do didn't parse ${what}`);
    return [];
  }
  const mask = bits(netmask);
  const network = bits(address) & mask;
  return readRoutes().flatMap((route) =>
    route.device !== device && (route.destination & mask) === network ? [route.device] : [],
  );
}

function bits(address: string): number {
  return Buffer.from(address.split('.').map(Number)).readInt32BE();
}
