import { type Arena, SOCKADDR_IN, SOCKADDR_IN6 } from '../../os/index.ts';
import type { SourceRule } from './index.ts';

/** Tells by their source whether datagrams of a UDP socket are to be taken. */
export class SourceFilter {
  readonly #memory: Arena;
  readonly #take: SourceRule['take'];
  /** A raw address: family, port, and where the host is in it. */
  readonly #address: Uint8Array;
  readonly #host: number;
  readonly #hostEnd: number;

  constructor(memory: Arena, rule: SourceRule) {
    this.#memory = memory;
    this.#take = rule.take;
    this.#address = rule.take === 'all' ? new Uint8Array(SOCKADDR_IN.size) : rule.address;
    const { address, addressSize } = this.#address.length === SOCKADDR_IN.size ? SOCKADDR_IN : SOCKADDR_IN6;
    this.#host = address;
    this.#hostEnd = address + addressSize;
  }

  /** `name` is where the kernel wrote the source's address, of the socket's family. */
  accepts(name: number): boolean {
    switch (this.#take) {
      case 'all':
        return true;
      case 'host':
        return this.#isHost(name);
      case 'endpoint':
        return this.#isPort(name) && this.#isHost(name);
      case 'others':
        return !(this.#isPort(name) && this.#isHost(name));
    }
  }

  #isPort(name: number): boolean {
    const at = SOCKADDR_IN.port; // the same place in both families
    const { u8 } = this.#memory;
    return u8[name + at] === this.#address[at] && u8[name + at + 1] === this.#address[at + 1];
  }

  #isHost(name: number): boolean {
    const { u8 } = this.#memory;
    for (let at = this.#host; at < this.#hostEnd; at++) {
      if (u8[name + at] !== this.#address[at]) return false;
    }
    return true;
  }
}
