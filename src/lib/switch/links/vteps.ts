import { type Arena, SOCKADDR_IN6 } from '../../os/index.ts';
import { MacTable } from '../plane/mac-table.ts';

/** Endpoints that are known at a time, whatever number of groups they are in. */
const VTEPS = 256;
/** Room for an address of either family. */
const STRIDE = 32;
const GROUP_BIT = 1;
const PORT_SHIFT = 16;
const NOBODY = -1;

/** A group of tunnel endpoints, as a port of ours has it. */
export interface VtepGroup {
  readonly port: number;
  /** Where the group's raw address is: with its family and UDP port, which are those of all its members. */
  readonly address: number;
  readonly addressLength: number;
}

/**
 * Which endpoint of a VXLAN group an Ethernet address is behind: the source of the datagram that last brought a frame
 * from it (RFC 7348, section 4.1). Aged and bounded as the address table of the switch is, as it is one of the same kind;
 * what it has forgotten goes to the whole group. One for all groups.
 */
export class Vteps {
  readonly #memory: Arena;
  readonly #addresses: number;
  #count = 0;
  /** The endpoint that the next one takes the place of, when there are as many as there may be. */
  #hand = 0;
  #last = NOBODY;
  /** Of addresses, with the group's port in place of the VLAN, to endpoints. Made for the first group. */
  #table: MacTable | undefined;
  #ageing: number | undefined;
  /** In whole seconds. */
  #now = 0;

  constructor(memory: Arena) {
    this.#memory = memory;
    this.#addresses = memory.take(VTEPS * STRIDE);
  }

  /** Reads the clock: once for the frames of a batch. */
  catchUp(): void {
    this.#now = Math.floor(performance.now() / 1000);
  }

  /** Addresses are forgotten after so many seconds of silence; 0 for never. */
  setAgeing(seconds: number): void {
    this.#ageing = seconds;
    this.#table?.setAgeing(seconds);
  }

  /** Forgets where every address is. */
  forgetAll(): void {
    this.#table?.forgetAll();
  }

  /** Forgets what was learned in the group of a port. */
  forgetPort(port: number): void {
    this.#table?.forget({ vlan: port }, this.#now);
  }

  /** Notes that a frame came from the endpoint whose raw address the kernel wrote at `source`; both are offsets. */
  learn(group: VtepGroup, frame: number, source: number): void {
    const { u16 } = this.#memory;
    const half = frame >> 1;
    const low = (u16[half + 3]! | (u16[half + 4]! << 16)) >>> 0;
    if (low & GROUP_BIT) return;
    this.#table ??= this.#newTable();
    this.#table.learn(low, u16[half + 5]! | (group.port << PORT_SHIFT), this.#indexOf(group, source), this.#now);
  }

  /** Where the raw address of the endpoint is that a frame should go to: the group's, unless it is known better. */
  destination(group: VtepGroup, frame: number): number {
    const { u16, u32 } = this.#memory;
    const low = u32[frame >> 2]!;
    if (low & GROUP_BIT || !this.#table) return group.address;
    const vtep = this.#table.find(low, u16[(frame >> 1) + 2]! | (group.port << PORT_SHIFT), this.#now);
    return vtep < 0 ? group.address : this.#offset(vtep);
  }

  #newTable(): MacTable {
    const table = new MacTable(VTEPS);
    table.pins = false; // loops are the switch's affair
    if (this.#ageing !== undefined) table.setAgeing(this.#ageing);
    return table;
  }

  #offset(vtep: number): number {
    return this.#addresses + vtep * STRIDE;
  }

  #indexOf(group: VtepGroup, source: number): number {
    if (this.#last !== NOBODY && this.#is(this.#last, group, source)) return this.#last;
    let vtep = 0;
    while (vtep < this.#count && !this.#is(vtep, group, source)) vtep++;
    if (vtep === this.#count) vtep = this.#add(group, source);
    this.#last = vtep;
    return vtep;
  }

  /** Whether an endpoint has the host of `source`, in the family and with the UDP port of the group. */
  #is(vtep: number, group: VtepGroup, source: number): boolean {
    const { u32 } = this.#memory;
    const known = this.#offset(vtep) >> 2;
    if (u32[known] !== u32[group.address >> 2]) return false;
    for (let word = 1; word < group.addressLength >> 2; word++) {
      if (u32[known + word] !== u32[(source >> 2) + word]) return false;
    }
    return true;
  }

  /** The oldest makes room; what was behind it is forgotten. */
  #add(group: VtepGroup, source: number): number {
    const vtep = this.#count < VTEPS ? this.#count++ : this.#hand++ % VTEPS;
    this.#table?.forgetPort(vtep);
    const { u8, u32 } = this.#memory;
    const at = this.#offset(vtep);
    u8.copyWithin(at, source, source + Math.min(group.addressLength, SOCKADDR_IN6.size));
    u32[at >> 2] = u32[group.address >> 2]!;
    return vtep;
  }
}
