import type { Arena } from '../../os/index.ts';
import type { Counters } from '../counters.ts';
import { type AddressBook, UNKNOWN } from './address-book.ts';
import type { Egress } from './egress.ts';
import type { MirrorPort } from './mirror.ts';
import type { PortList } from './port-list.ts';
import { insertTag, isTagged, isTaggedTwice, removeTag, setVlan, TAG_SIZE, taggedVlan } from './tags.ts';
import { NO_VLAN, NOT_ADMITTED, type Vlans } from './vlan.ts';

const MAX_UNTAGGED = 65_535 - TAG_SIZE;

export interface DetourParts {
  memory: Arena;
  counters: Counters;
  book: AddressBook;
  egress: Egress;
  vlans: Vlans;
  mirror: MirrorPort;
  /** The ports that are up. */
  ports: PortList;
}

/**
 * The longer way through the switch: for frames of ports in VLANs, and for all while frames are copied to a mirror port.
 * A frame is sent from where it lies, with a tag or without; for receivers of both kinds it is changed in place as soon
 * as the first ones have got it.
 */
export class Detour {
  readonly #memory: Arena;
  readonly #counters: Counters;
  readonly #book: AddressBook;
  readonly #egress: Egress;
  readonly #vlans: Vlans;
  readonly #mirror: MirrorPort;
  readonly #ports: PortList;
  // The frame that is under way.
  #offset = 0;
  #length = 0;
  #vlan = 0;
  #isTagged = false;
  /** It has a tag of its own besides that of its VLAN. */
  #hasInnerTag = false;
  /** A link has it in its present form. */
  #isHeld = false;
  #isMirrored = false;

  constructor(parts: DetourParts) {
    this.#memory = parts.memory;
    this.#counters = parts.counters;
    this.#book = parts.book;
    this.#egress = parts.egress;
    this.#vlans = parts.vlans;
    this.#mirror = parts.mirror;
    this.#ports = parts.ports;
  }

  /** As the forwarder does, a frame of at least 14 bytes from a port that is up. */
  forward(port: number, offset: number, length: number): void {
    this.#offset = offset;
    this.#length = length;
    this.#isHeld = false;
    this.#isMirrored = port === this.#mirror.to; // what it sends itself is not sent back to it
    if (this.#mirror.watches(port)) this.#copy();
    const vlan = this.#vlans.admit(port, offset, length);
    if (vlan === NOT_ADMITTED || !this.#normalise(vlan) || !this.#sendOn(port)) this.#counters.dropped(port);
  }

  /** Notes the frame's form; a tag that had no VLAN gets it. Whether the frame can go on. */
  #normalise(vlan: number): boolean {
    this.#vlan = vlan;
    this.#isTagged = false;
    this.#hasInnerTag = false;
    if (vlan === NO_VLAN) return true;
    const memory = this.#memory;
    if (!isTagged(memory, this.#offset)) return this.#length <= MAX_UNTAGGED;
    this.#isTagged = true;
    this.#hasInnerTag = isTaggedTwice(memory, this.#offset, this.#length);
    if (taggedVlan(memory, this.#offset) !== vlan) {
      this.#settle();
      setVlan(memory, this.#offset, vlan);
    }
    return true;
  }

  /** Whether the frame may go where it is to go. */
  #sendOn(port: number): boolean {
    const to = this.#book.destination(this.#offset, this.#vlan);
    if (to === UNKNOWN) return this.#flood(port);
    this.#book.admit(port, this.#offset, this.#vlan);
    if (to !== port) {
      if (this.#mirror.watches(to)) this.#copy();
      this.#sendTo(to);
    }
    return true;
  }

  #flood(port: number): boolean {
    const tag = this.#isTagged ? TAG_SIZE : 0;
    if (!this.#book.admitToAll(port, this.#offset, this.#length, this.#vlan, tag)) return false;
    if (this.#mirror.isOn && !this.#isMirrored && this.#isWatchedAmongReceivers(port)) this.#copy();
    this.#floodAs(this.#isTagged, port);
    this.#floodAs(!this.#isTagged, port);
    return true;
  }

  /** To those receivers that get it with or without the tag. */
  #floodAs(tagged: boolean, port: number): void {
    for (let index = this.#ports.count - 1; index >= 0; index--) {
      const to = this.#ports.at(index);
      if (this.#receives(to, port) && this.#wantsTag(to) === tagged) this.#sendTo(to);
    }
  }

  #receives(to: number, from: number): boolean {
    return to !== from && this.#vlans.has(to, this.#vlan);
  }

  #isWatchedAmongReceivers(port: number): boolean {
    for (let index = 0; index < this.#ports.count; index++) {
      const to = this.#ports.at(index);
      if (this.#mirror.watches(to) && this.#receives(to, port)) return true;
    }
    return false;
  }

  /**
   * Trunks get the frames of their native VLAN without a tag, but for those that would then show another tag of their
   * own: the next switch would take that for their VLAN.
   */
  #wantsTag(to: number): boolean {
    if (this.#vlan === NO_VLAN) return false;
    if (this.#hasInnerTag && this.#vlans.isTrunk(to)) return true;
    return !this.#vlans.isUntagged(to, this.#vlan);
  }

  #sendTo(to: number): void {
    if (this.#isMirrored && to === this.#mirror.to) return;
    if (this.#wantsTag(to) !== this.#isTagged) this.#changeForm();
    this.#isHeld = true;
    this.#egress.send(to, this.#offset, this.#length);
  }

  #changeForm(): void {
    this.#settle();
    this.#offset = this.#isTagged
      ? removeTag(this.#memory, this.#offset)
      : insertTag(this.#memory, this.#offset, this.#vlan);
    this.#length += this.#isTagged ? -TAG_SIZE : TAG_SIZE;
    this.#isTagged = !this.#isTagged;
  }

  /** The bytes may be changed after this. */
  #settle(): void {
    if (this.#isHeld) this.#egress.flush();
    this.#isHeld = false;
  }

  /** Sends the mirror port a copy of the frame, once, as it came in. */
  #copy(): void {
    if (this.#isMirrored) return;
    this.#isMirrored = true;
    this.#isHeld = true;
    this.#egress.send(this.#mirror.to, this.#offset, this.#length);
  }
}
