/** Attachments as words of options and commands. Pure. */
import { isIPv6 } from 'node:net';
import { parseEndpoint } from './endpoint.ts';
import type { Attachment } from './ports.ts';

/** RFC 7348, section 5. */
const VXLAN_PORT = 4789;
const LAST_VNI = 2 ** 24 - 1;
/** What UML's mcast transport takes when it is not told: the local network. */
const DEFAULT_TTL = 1;
const LAST_TTL = 255;

/** What stands behind each kind; the form is what help and manual show. */
export const ATTACHMENT_FORMS = {
  tap: 'DEVICE',
  bess: 'PATH',
  stream: 'PATH',
  fd: 'N',
  udp: 'LOCAL,REMOTE',
  mcast: 'GROUP:PORT[,ttl=N][,if=NAME]',
  vxlan: 'VNI,REMOTE[,LOCAL]',
} as const satisfies Record<Attachment['kind'], string>;

/**
 * Reads what stands behind a kind. Addresses are numeric, `10.0.0.1:5000` or `[fe80::1%eth0]:5000`; those of VXLAN may
 * leave the port out, 4789.
 * @returns undefined for words that don't have the kind's form
 */
export function parseAttachment(kind: Attachment['kind'], word: string): Attachment | undefined {
  switch (kind) {
    case 'tap':
      return word === '' ? undefined : { kind, device: word };
    case 'bess':
    case 'stream':
      return word === '' ? undefined : { kind, path: word };
    case 'fd':
      return /^\d{1,9}$/.test(word) ? { kind, fd: Number(word) } : undefined;
    case 'udp':
      return parseUdp(word);
    case 'mcast':
      return parseMcast(word);
    case 'vxlan':
      return parseVxlan(word);
  }
}

function parseUdp(word: string): Attachment | undefined {
  const [local, remote, ...more] = word.split(',').map((part) => parseEndpoint(part));
  return local && remote && more.length === 0 ? { kind: 'udp', local, remote } : undefined;
}

function parseMcast(word: string): Attachment | undefined {
  const [address = '', ...options] = word.split(',');
  const group = parseEndpoint(address);
  const given = new Map(options.map((option) => option.split('=', 2) as [string, string | undefined]));
  const [ttl = String(DEFAULT_TTL), name] = [given.get('ttl'), given.get('if')];
  const known = [...given.keys()].every((key) => key === 'ttl' || key === 'if') && given.size === options.length;
  if (!group || !known || !/^\d{1,3}$/.test(ttl) || Number(ttl) > LAST_TTL || name === '') return undefined;
  return { kind: 'mcast', group, ttl: Number(ttl), interface: name };
}

function parseVxlan(word: string): Attachment | undefined {
  const [number = '', to = '', from, ...more] = word.split(',');
  const remote = parseEndpoint(to, VXLAN_PORT);
  const any = remote && isIPv6(remote.address) ? '::' : '0.0.0.0';
  const local = from === undefined ? { address: any, port: VXLAN_PORT } : parseEndpoint(from, VXLAN_PORT);
  if (!remote || !local || more.length > 0) return undefined;
  if (!/^\d{1,8}$/.test(number) || Number(number) > LAST_VNI) return undefined;
  return { kind: 'vxlan', vni: Number(number), local, remote };
}
