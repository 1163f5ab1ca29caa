import { MachineError } from './error.ts';
import type { V86Cpu } from './v86.ts';

/**
 * The guest's physical memory as devices see it. Every address and length comes from the guest and is checked: an access
 * outside throws MachineError `bad-address`. Views are good until the next `await`: WebAssembly memory can move when it grows.
 */
export class GuestMemory {
  readonly size: number;
  readonly #cpu: V86Cpu;
  readonly #base: number;
  #buffer: ArrayBuffer;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(cpu: V86Cpu) {
    this.#cpu = cpu;
    this.#base = cpu.mem8.byteOffset;
    this.size = cpu.mem8.length;
    this.#buffer = cpu.wasm_memory.buffer;
    this.#bytes = new Uint8Array(this.#buffer, this.#base, this.size);
    this.#view = new DataView(this.#buffer, this.#base, this.size);
  }

  /** A view of the bytes from `address` on, for reading. */
  bytes(address: number, length: number): Uint8Array {
    this.#check(address, length);
    return this.#bytes.subarray(address, address + length);
  }

  u16(address: number): number {
    this.#check(address, 2);
    return this.#view.getUint16(address, true);
  }

  u32(address: number): number {
    this.#check(address, 4);
    return this.#view.getUint32(address, true);
  }

  /** A 64-bit address of which the guest can only use the lower half (it has no PAE). */
  address64(address: number): number {
    if (this.u32(address + 4) !== 0) throw new MachineError('bad-address', 'address above 4 GiB');
    return this.u32(address);
  }

  setU16(address: number, value: number): void {
    this.#check(address, 2);
    this.#cpu.jit_dirty_cache(address, address + 2);
    this.#view.setUint16(address, value, true);
  }

  setU32(address: number, value: number): void {
    this.#check(address, 4);
    this.#cpu.jit_dirty_cache(address, address + 4);
    this.#view.setUint32(address, value, true);
  }

  write(address: number, data: Uint8Array): void {
    if (data.length === 0) return;
    this.#check(address, data.length);
    this.#cpu.jit_dirty_cache(address, address + data.length);
    this.#bytes.set(data, address);
  }

  #check(address: number, length: number): void {
    if (address < 0 || length < 0 || address + length > this.size) {
      throw new MachineError('bad-address', `no memory at 0x${address.toString(16)}, ${length} bytes`);
    }
    if (this.#buffer === this.#cpu.wasm_memory.buffer) return;
    this.#buffer = this.#cpu.wasm_memory.buffer;
    this.#bytes = new Uint8Array(this.#buffer, this.#base, this.size);
    this.#view = new DataView(this.#buffer, this.#base, this.size);
  }
}
