/** Addresses of trunks as people write them. Pure. */
import { isIP } from 'node:net';
import type { Attachment, Endpoint } from './ports.ts';

/**
 * Reads `10.0.0.1:5000`, `[fe80::1%eth0]:5000`, or with a default port also `10.0.0.1` and `fe80::1`. No host names.
 * @returns undefined for anything else
 */
export function parseEndpoint(word: string, defaultPort?: number): Endpoint | undefined {
  if (isIP(word) !== 0) return endpoint(word, defaultPort);
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(word) ?? [];
  const address = bracketed ?? plain ?? '';
  if (isIP(address) !== (bracketed === undefined ? 4 : 6)) return undefined;
  return endpoint(address, digits === undefined ? defaultPort : Number(digits));
}

function endpoint(address: string, port: number | undefined): Endpoint | undefined {
  return port === undefined || port < 1 || port > 65_535 ? undefined : { address, port };
}

/** The word that `parseEndpoint` reads. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What people call an attachment: the name of its port, unless they give it another. */
export function attachmentName(spec: Attachment): string {
  switch (spec.kind) {
    case 'tap':
      return spec.device;
    case 'bess':
    case 'stream':
      return spec.path;
    case 'fd':
      return `fd ${spec.fd}`;
    case 'udp':
      return `udp ${formatEndpoint(spec.remote)}`;
    case 'mcast':
      return `mcast ${formatEndpoint(spec.group)}`;
    case 'vxlan':
      return `vxlan ${spec.vni} ${formatEndpoint(spec.remote)}`;
  }
}
