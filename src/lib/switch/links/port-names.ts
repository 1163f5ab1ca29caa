import { type Arena, SOCKADDR_UN_SIZE, type UnixAddress } from '../../os/index.ts';
import { MAX_PORTS } from '../plane/forwarder.ts';

/** Bytes that a name takes: 110 and 2 that are always zero, so that names are compared by words. */
export const NAME_STRIDE = 112;
const NAME_WORDS = NAME_STRIDE / 4;

/** The addresses of ports, in memory that the kernel reads, and the search for the port of an address. */
export class PortNames {
  readonly #memory: Arena;
  readonly #names: number;
  /** Ports that have a name, in the order in which they came. */
  readonly #ports = new Int16Array(MAX_PORTS);
  #count = 0;
  #lastFound = -1;

  constructor(memory: Arena) {
    this.#memory = memory;
    this.#names = memory.take(MAX_PORTS * NAME_STRIDE);
  }

  /** Where the name of a port is. */
  offset(port: number): number {
    return this.#names + port * NAME_STRIDE;
  }

  /** `address` has 110 bytes. The kernel gives a path without what follows its NUL, an abstract name whole. */
  add(port: number, address: UnixAddress): void {
    const at = this.offset(port);
    const pathEnd = address[2] === 0 ? -1 : address.indexOf(0, 2);
    this.#memory.u8.fill(0, at, at + NAME_STRIDE);
    this.#memory.u8.set(pathEnd < 0 ? address : address.subarray(0, pathEnd), at);
    this.#ports[this.#count++] = port;
  }

  remove(port: number): void {
    const at = this.#ports.subarray(0, this.#count).indexOf(port);
    if (at < 0) return;
    this.#ports.copyWithin(at, at + 1, this.#count--);
    if (this.#lastFound === port) this.#lastFound = -1;
  }

  /**
   * The port with the name at `offset`, of which the kernel wrote `length` bytes; the newest, if several clients gave
   * the same. -1 if none has it.
   */
  find(offset: number, length: number): number {
    if (length < SOCKADDR_UN_SIZE) this.#memory.u8.fill(0, offset + length, offset + NAME_STRIDE);
    if (this.#lastFound >= 0 && this.#isNameOf(offset, this.#lastFound)) return this.#lastFound;
    for (let at = this.#count - 1; at >= 0; at--) {
      const port = this.#ports[at]!;
      if (!this.#isNameOf(offset, port)) continue;
      this.#lastFound = port;
      return port;
    }
    return -1;
  }

  #isNameOf(offset: number, port: number): boolean {
    const { u32 } = this.#memory;
    const a = offset >> 2;
    const b = this.offset(port) >> 2;
    for (let word = 0; word < NAME_WORDS; word++) {
      if (u32[a + word] !== u32[b + word]) return false;
    }
    return true;
  }
}
