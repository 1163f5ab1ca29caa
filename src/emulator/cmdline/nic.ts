import { DeviceError } from './error.ts';
import { leadingHex, leadingNumber } from './number.ts';

/** The version of uml_switch's protocol that the daemon transport speaks. */
const SWITCH_VERSION = 3;
/** Where uml_switch listens when nothing else is asked for (the Debian kernel looks elsewhere, so there they never meet). */
const DEFAULT_SWITCH = '/tmp/uml.ctl';
const ETH_TRANSPORTS = ['daemon'] as const;
const VEC_TRANSPORTS = [] as const;

/** A legacy interface, `ethN=daemon,…`: a port on a uml_switch. */
export interface DaemonNic {
  readonly device: 'eth';
  readonly unit: number;
  readonly transport: 'daemon';
  /** Six bytes; undefined: a random address is to be chosen. */
  readonly mac: Uint8Array | undefined;
  readonly socketType: string;
  readonly controlSocket: string;
}

/** A network interface of the command line or of mconsole's `config`. */
export type NicConfig = DaemonNic;

/** A parsed interface, and what UML writes into its log about the words. */
export interface NicWord {
  readonly nic: NicConfig;
  readonly notes: readonly string[];
}

/**
 * Reads what stands after `eth`: unit, `=`, transport, then fields separated by commas, empty for their defaults
 * (spec 14.2; eth_parse and check_transport of arch/um/drivers/net_kern.c).
 * @param configured whether a unit is in use already
 * @throws DeviceError
 */
export function parseEth(text: string, configured: (unit: number) => boolean): NicWord {
  const number = leadingNumber(text);
  if (!number) throw new DeviceError('nic-unit');
  if (!number.rest.startsWith('=')) throw new DeviceError('nic-equals');
  if (configured(number.value)) throw new DeviceError('nic-configured');
  const [transport = '', ...fields] = number.rest.slice(1).split(',');
  if (transport !== 'daemon') throw new DeviceError('transport', transport, ETH_TRANSPORTS);
  return parseDaemon(number.value, fields);
}

/** `daemon,[mac],[unix],[control socket]` */
function parseDaemon(unit: number, fields: readonly string[]): NicWord {
  const [mac, socketType, controlSocket] = fields;
  const surplus = fields.length > 3 ? ['daemon_setup : Ignoring data socket specification'] : [];
  const address = parseMac(mac || undefined, `eth${unit}`);
  const nic: DaemonNic = {
    device: 'eth',
    unit,
    transport: 'daemon',
    mac: address.mac,
    socketType: socketType || 'unix',
    controlSocket: controlSocket || DEFAULT_SWITCH,
  };
  return { nic, notes: [...surplus, ...address.notes] };
}

/**
 * Reads what stands after `vec`: unit, `:`, then `key=value` pairs (spec 14.3; vector_parse of
 * arch/um/drivers/vector_kern.c).
 * @throws DeviceError: for every transport, as long as none is there
 */
export function parseVec(text: string, configured: (unit: number) => boolean): NicWord {
  const colon = text.indexOf(':');
  if (colon < 0) throw new DeviceError('nic-colon');
  const number = leadingNumber(text.slice(0, colon));
  if (number?.rest !== '') throw new DeviceError('nic-unit');
  if (configured(number.value)) throw new DeviceError('nic-configured');
  const pairs = text.slice(colon + 1).split(',');
  if (!pairs.every((pair) => pair.includes('='))) throw new DeviceError('nic-option');
  const transport = pairs.find((pair) => pair.startsWith('transport='))?.slice('transport='.length) ?? '';
  throw new DeviceError('transport', transport, VEC_TRANSPORTS);
}

/**
 * Six hexadecimal bytes with colons between them. What is no usable address gets a random one, with UML's messages
 * (uml_setup_etheraddr).
 */
function parseMac(text: string | undefined, device: string): { mac: Uint8Array | undefined; notes: string[] } {
  const random = { mac: undefined, notes: [`Choosing a random ethernet address for device ${device}`] };
  if (text === undefined) return random;
  const mac = new Uint8Array(6);
  let rest = text;
  for (let i = 0; i < mac.length; i++) {
    const byte = leadingHex(rest);
    const separated = byte && (byte.rest === '' || byte.rest.startsWith(':'));
    if (!separated) {
      return {
        ...random,
        notes: [`setup_etheraddr: failed to parse '${rest}' as an ethernet address`, ...random.notes],
      };
    }
    mac[i] = byte.value;
    rest = byte.rest.slice(1);
  }
  if (mac[0]! & 1) return refuse('a multicast', random.notes);
  if (mac.every((byte) => byte === 0)) return refuse('an invalid', random.notes);
  return { mac, notes: mac[0]! & 2 ? [] : globalAddressWarning(mac) };
}

function refuse(kind: string, notes: readonly string[]): { mac: undefined; notes: string[] } {
  return { mac: undefined, notes: [`Attempt to assign ${kind} ethernet address to a device disallowed`, ...notes] };
}

function globalAddressWarning(mac: Uint8Array): string[] {
  const local = Uint8Array.from(mac, (byte, i) => (i === 0 ? byte | 2 : byte));
  return [
    'Warning: Assigning a globally valid ethernet address to a device',
    'You should set the 2nd rightmost bit in the first byte of the MAC,',
    `i.e. ${formatMac(local)}`,
  ];
}

/** Six bytes as `fe:fd:00:00:00:01`. */
export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The lines that UML logs when it makes an interface. */
export function announceNic(nic: NicConfig, mac: Uint8Array): readonly string[] {
  return [
    `Netdevice ${nic.unit} (${formatMac(mac)}) : `,
    `daemon backend (uml_switch version ${SWITCH_VERSION}) - ${nic.socketType}:${nic.controlSocket}`,
  ];
}
