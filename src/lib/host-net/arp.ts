import { ask, IFREQ_VALUE, ifreq, nameBytes, socketAddressOf } from './ifreq.ts';

/** struct arpreq (linux/if_arp.h): protocol and hardware address, flags, netmask, interface. */
const ARPREQ = { size: 68, hardware: 16, flags: 32, device: 52 } as const;
const ATF_PERM = 4;
const ATF_PUBL = 8;
const SOCKADDR_SIZE = 16;

/**
 * Lets an interface answer ARP requests for an address that is elsewhere, with its own hardware address (proxy ARP; what
 * `arp -i IF -Ds ADDRESS IF pub` does).
 * @throws HostNetError SIOCGIFHWADDR: ENODEV; SIOCSARP
 */
export function publish(address: string, device: string): void {
  const own = ifreq('SIOCGIFHWADDR', device);
  ask('SIOCGIFHWADDR', own);
  const bytes = request('SIOCSARP', address, device);
  bytes.set(own.subarray(IFREQ_VALUE, IFREQ_VALUE + SOCKADDR_SIZE), ARPREQ.hardware);
  ask('SIOCSARP', bytes);
}

/** Ends what `publish` began. HostNetError SIOCDARP: ENXIO if it was not published, ENODEV. */
export function unpublish(address: string, device: string): void {
  ask('SIOCDARP', request('SIOCDARP', address, device));
}

function request(name: 'SIOCSARP' | 'SIOCDARP', address: string, device: string): Buffer {
  const bytes = Buffer.alloc(ARPREQ.size);
  bytes.set(socketAddressOf(name, address));
  bytes.writeInt32LE(ATF_PERM | ATF_PUBL, ARPREQ.flags);
  bytes.set(nameBytes(name, device), ARPREQ.device);
  return bytes;
}
