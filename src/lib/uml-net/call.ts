import { UmlNetError } from './error.ts';

/** The versions of the protocol. The kernel has asked for 4 since 2.6.9; before 1, no version was given. */
export type Version = 0 | 1 | 2 | 3 | 4;
const CURRENT = 4;

/** What the kernel asks for. `version` decides how it wants to hear of it. */
export type Call =
  /** A new tap device, its descriptor sent over `socket`; `gate` is the host's address on it, or empty. */
  | { kind: 'tap-up'; version: Version; gate: string; socket: number }
  /** An address of the guest came or went. Without a netmask the host's LAN is on eth0. */
  | {
      kind: 'address';
      version: Version;
      operation: 'add' | 'del';
      device: string;
      address: string;
      netmask: string | undefined;
    }
  /** `line` is the terminal; `peer` the guest's address, which later versions tell of by `address`. */
  | { kind: 'slip-up'; version: Version; line: number; gate: string; peer: string | undefined }
  | { kind: 'slip-down'; version: Version; line: number; peer: string | undefined };

/** Reads the words after the program's name. UmlNetError for what is no call. */
export function parseCall(args: readonly string[]): Call {
  const [first, second] = args;
  if (first === undefined || second === undefined) throw new UmlNetError({ code: 'USAGE' });
  const number = leadingNumber(first);
  if (number !== undefined && number > CURRENT) {
    throw new UmlNetError({ code: 'VERSION', requested: number | 0 }); // as a C int is printed
  }
  const version = (number ?? 0) as Version;
  const [transport = '', ...words] = number === undefined ? args : args.slice(1);
  switch (transport) {
    case 'tuntap':
      if (version < 2) break;
      return parseTuntap(version, words);
    case 'slip':
      return parseSlip(version, words);
    case 'ethertap':
      return refuseEthertap(version, words);
    case 'add':
    case 'del':
      if (version < 4) break;
      return parseAddress(version, transport, words);
    default:
      throw new UmlNetError({ code: 'TRANSPORT', word: transport });
  }
  throw new UmlNetError({ code: 'NO_HANDLER', word: transport, version });
}

/** strtoul(3) with base 0, cut to 32 bits: what follows the digits is ignored; undefined if there are none. */
function leadingNumber(word: string): number | undefined {
  const [, sign, digits = ''] = /^\s*([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)/i.exec(word) ?? [];
  if (sign === undefined) return undefined;
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const word64 = value > 0xffff_ffff_ffff_ffffn ? 0xffff_ffff_ffff_ffffn : sign === '-' ? -value : value;
  return Number(BigInt.asUintN(32, word64));
}

function parseTuntap(version: Version, words: readonly string[]): Call {
  const [operation, ...rest] = words;
  if (operation === undefined) throw tooFew(version, `tuntap_v${version}`);
  if (operation === 'add' || operation === 'del') return parseAddress(version, operation, rest);
  if (operation !== 'up') throw new UmlNetError({ code: 'OPERATION', transport: 'tuntap', word: operation });
  // 2: up DEVICE SOCKET GATE, 3: up DEVICE GATE, 4: up GATE. The device was a wish that was never granted.
  const gate = rest[CURRENT - version];
  const socket = version === 2 ? descriptor(version, rest[1]) : 1;
  if (gate === undefined) {
    throw new UmlNetError({ code: 'ARGUMENTS', version, text: 'Too few arguments to tuntap_up', socket });
  }
  return { kind: 'tap-up', version, gate, socket };
}

function parseAddress(version: Version, operation: 'add' | 'del', words: readonly string[]): Call {
  const [device, address, netmask] = words;
  const masked = version === CURRENT; // from 4 on the netmask is given
  if (device === undefined || address === undefined || (masked && netmask === undefined)) {
    throw tooFew(version, 'tuntap change_addr');
  }
  return { kind: 'address', version, operation, device, address, netmask: masked ? netmask : undefined };
}

function parseSlip(version: Version, words: readonly string[]): Call {
  const [operation, ...rest] = words;
  const [line, ...addresses] = version === CURRENT ? ['0', ...rest] : rest;
  if (version === CURRENT && rest.length === 0) throw tooFew(version, 'slip_v4');
  if (operation === 'up') {
    const [gate, peer] = addresses;
    if (gate === undefined) throw tooFew(version, `slip_v${version}`);
    return { kind: 'slip-up', version, line: descriptor(version, line), gate, peer: before4(version, peer) };
  }
  if (operation !== 'down') {
    if (operation === undefined) throw tooFew(version, `slip_v${version}`);
    throw new UmlNetError({ code: 'OPERATION', transport: 'slip', word: operation });
  }
  return { kind: 'slip-down', version, line: descriptor(version, line), peer: before4(version, addresses[0]) };
}

/** 0: DEVICE FD, 1 and 2: DEVICE DATA CONTROL, 3 and 4: DEVICE DATA, with descriptor 1 for control. */
function refuseEthertap(version: Version, words: readonly string[]): never {
  const control = version === 0 ? undefined : version < 3 ? leadingNumber(words[2] ?? '') : 1;
  const reason = words.length < 2 ? 'arguments' : 'gone';
  throw new UmlNetError({ code: 'ETHERTAP', version, control, reason });
}

const before4 = (version: Version, word: string | undefined): string | undefined =>
  version === CURRENT ? undefined : word;

function descriptor(version: Version, word: string | undefined): number {
  if (word !== undefined && /^\d{1,9}$/.test(word)) return Number(word);
  throw new UmlNetError({ code: 'ARGUMENTS', version, text: `uml_net : '${word ?? ''}' is no descriptor` });
}

function tooFew(version: Version, what: string): UmlNetError {
  return new UmlNetError({ code: 'ARGUMENTS', version, text: `uml_net : too few arguments to ${what}` });
}
