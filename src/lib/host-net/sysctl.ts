import { readFileSync, writeFileSync } from 'node:fs';
import { asking } from './error.ts';

/** The switch of forwarding packets between interfaces. */
export const forwardingFile = '/proc/sys/net/ipv4/ip_forward';

/** The switch of an interface that answers ARP requests for every address that is reached elsewhere. */
export function proxyArpFile(device: string): string {
  return `/proc/sys/net/ipv4/conf/${device}/proxy_arp`;
}

/** Sets a switch of the kernel. One that stands right is not written: /proc/sys may be read-only. HostNetError `write`. */
export function setSwitch(file: string, value: 0 | 1): void {
  asking('write', () => {
    if (readFileSync(file, 'latin1').trim() !== String(value)) writeFileSync(file, `${value}\n`);
  });
}
