import type { Arena } from '../../os/index.ts';
import type { PortVlan } from '../ports.ts';
import { isTagged, isTaggedTwice, taggedVlan } from './tags.ts';

/** The VLAN of frames of transparent ports: an Ethernet of its own, in which tags are data. */
export const NO_VLAN = 0;
/** What `admit` gives for a frame that is in no VLAN of its port. */
export const NOT_ADMITTED = -1;
/** The last number of 12 bits is reserved. */
const LAST_VLAN = 4094;
const MODE = { transparent: 0, access: 1, trunk: 2 } as const;

/** Which ports are in which VLANs, and with tags or without. */
export class Vlans {
  readonly #memory: Arena;
  readonly #mode: Uint8Array;
  /** The VLAN of untagged frames; 0 for none. */
  readonly #untagged: Uint16Array;
  /** The VLANs that a trunk carries with tags, a bit each. */
  readonly #tagged: (Uint32Array | undefined)[];

  /** For ports below `ports`, all transparent. */
  constructor(memory: Arena, ports: number) {
    this.#memory = memory;
    this.#mode = new Uint8Array(ports);
    this.#untagged = new Uint16Array(ports);
    this.#tagged = new Array<Uint32Array | undefined>(ports).fill(undefined);
  }

  set(port: number, vlan: PortVlan): void {
    this.#mode[port] = MODE[vlan.mode];
    this.#untagged[port] = vlan.mode === 'access' ? vlan.vlan : vlan.mode === 'trunk' ? (vlan.native ?? 0) : 0;
    this.#tagged[port] = vlan.mode === 'trunk' ? bitsOf(vlan.vlans) : undefined;
  }

  isTransparent(port: number): boolean {
    return this.#mode[port] === MODE.transparent;
  }

  /**
   * The VLAN of a frame that came from a port, NO_VLAN from a transparent one. A tag with VLAN 0 is as good as none. An
   * access port takes no other, nor one after that: with the first tag taken out by a switch, the second would count.
   */
  admit(port: number, offset: number, length: number): number {
    const mode = this.#mode[port]!;
    if (mode === MODE.transparent) return NO_VLAN;
    const untagged = this.#untagged[port]! || NOT_ADMITTED;
    if (!isTagged(this.#memory, offset)) return untagged;
    if (length < 18) return NOT_ADMITTED;
    const vlan = taggedVlan(this.#memory, offset);
    if (mode === MODE.access) {
      return vlan === 0 && !isTaggedTwice(this.#memory, offset, length) ? untagged : NOT_ADMITTED;
    }
    if (vlan === 0) return untagged;
    return this.has(port, vlan) && vlan <= LAST_VLAN ? vlan : NOT_ADMITTED;
  }

  /** Whether a port is in a VLAN, or for NO_VLAN whether it is transparent. */
  has(port: number, vlan: number): boolean {
    const mode = this.#mode[port]!;
    if (vlan === NO_VLAN || mode === MODE.transparent) return vlan === NO_VLAN && mode === MODE.transparent;
    if (this.#untagged[port] === vlan) return true;
    const tagged = this.#tagged[port];
    return tagged !== undefined && (tagged[vlan >> 5]! & (1 << (vlan & 31))) !== 0;
  }

  /** Whether a port that is in a VLAN sends its frames without tags. */
  isUntagged(port: number, vlan: number): boolean {
    return this.#untagged[port] === vlan;
  }

  isTrunk(port: number): boolean {
    return this.#mode[port] === MODE.trunk;
  }
}

function bitsOf(vlans: 'all' | readonly number[]): Uint32Array {
  const bits = new Uint32Array(128);
  if (vlans === 'all') return bits.fill(0xffff_ffff);
  for (const vlan of vlans) bits[vlan >> 5]! |= 1 << (vlan & 31);
  return bits;
}
