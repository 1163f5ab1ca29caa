import { type GuestMemory, MachineError } from '../cpu/index.ts';

const DESCRIPTOR_SIZE = 16;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
const NO_INTERRUPT = 1;

/** A stretch of guest memory. */
export interface GuestRange {
  address: number;
  length: number;
}

/** One request of the driver: what the device reads, then what it writes. */
export interface Chain {
  head: number;
  readable: GuestRange[];
  writable: GuestRange[];
}

/** A split virtqueue, the device's side (virtio 1.1, section 2.6). Indices and lengths come from the guest: all are checked. */
export class Virtqueue {
  readonly maxSize: number;
  size: number;
  enabled = false;
  descriptors = 0;
  available = 0;
  used = 0;
  #memory: GuestMemory;
  #lastAvailable = 0;
  #usedIndex = 0;

  constructor(memory: GuestMemory, maxSize: number) {
    this.#memory = memory;
    this.maxSize = maxSize;
    this.size = maxSize;
  }

  reset(): void {
    this.size = this.maxSize;
    this.enabled = false;
    this.descriptors = this.available = this.used = 0;
    this.#lastAvailable = this.#usedIndex = 0;
  }

  /** The next request, or undefined if the driver has queued none. @throws MachineError */
  pop(): Chain | undefined {
    if (!this.enabled || this.#memory.u16(this.available + 2) === this.#lastAvailable) return undefined;
    const slot = this.#lastAvailable & (this.size - 1);
    const head = this.#memory.u16(this.available + 4 + 2 * slot);
    this.#lastAvailable = (this.#lastAvailable + 1) & 0xffff;
    return this.#read(head);
  }

  #read(head: number): Chain {
    const memory = this.#memory;
    const chain: Chain = { head, readable: [], writable: [] };
    let table = this.descriptors;
    let entries = this.size;
    let index = head;
    for (let steps = 0; ; steps++) {
      if (index >= entries || steps > 2 * this.maxSize) throw new MachineError('bad-descriptor', 'descriptor chain');
      const at = table + DESCRIPTOR_SIZE * index;
      const flags = memory.u16(at + 12);
      const range = { address: memory.address64(at), length: memory.u32(at + 8) };
      if (flags & INDIRECT) {
        table = range.address;
        entries = Math.floor(range.length / DESCRIPTOR_SIZE);
        index = 0;
        continue;
      }
      (flags & WRITE ? chain.writable : chain.readable).push(range);
      if (!(flags & NEXT)) return chain;
      index = memory.u16(at + 14);
    }
  }

  /** Gives a request back with the number of bytes written into it. Follow with `notify` of the device. */
  push(chain: Chain, written: number): void {
    if (!this.enabled) return;
    const at = this.used + 4 + 8 * (this.#usedIndex & (this.size - 1));
    this.#memory.setU32(at, chain.head);
    this.#memory.setU32(at + 4, written);
    this.#usedIndex = (this.#usedIndex + 1) & 0xffff;
    this.#memory.setU16(this.used + 2, this.#usedIndex);
  }

  /** Whether the driver wants an interrupt for what was pushed. */
  get wantsInterrupt(): boolean {
    return this.enabled && (this.#memory.u16(this.available) & NO_INTERRUPT) === 0;
  }
}

/** Total bytes of ranges. */
export function rangesLength(ranges: readonly GuestRange[]): number {
  let length = 0;
  for (const range of ranges) length += range.length;
  return length;
}

/** Copies the guest's ranges, from `skip` bytes on, into one array of at most `limit` bytes. */
export function gather(memory: GuestMemory, ranges: readonly GuestRange[], into: Uint8Array, skip = 0): number {
  let at = 0;
  for (const { address, length } of ranges) {
    if (skip >= length) {
      skip -= length;
      continue;
    }
    const take = Math.min(length - skip, into.length - at);
    into.set(memory.bytes(address + skip, take), at);
    at += take;
    skip = 0;
    if (at === into.length) break;
  }
  return at;
}

/** Copies bytes into the guest's ranges. Returns how many fitted. */
export function scatter(memory: GuestMemory, ranges: readonly GuestRange[], data: Uint8Array): number {
  let at = 0;
  for (const { address, length } of ranges) {
    if (at >= data.length) break;
    const part = data.subarray(at, at + length);
    memory.write(address, part);
    at += part.length;
  }
  return at;
}
