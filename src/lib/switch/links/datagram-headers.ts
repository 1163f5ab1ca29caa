import { type Arena, IOVEC, MMSGHDR, SOCKADDR_UN_SIZE } from '../../os/index.ts';

/**
 * Headers for recvmmsg and sendmmsg, laid out once: a mmsghdr with an iovec and the place of a name each. While frames
 * pass, only words that change are written.
 */
export class DatagramHeaders {
  readonly #memory: Arena;
  readonly #headers: number;
  readonly #iovs: number;

  /**
   * `name` and `frame` give what the header of an index points to at first; a frame has room for `length` bytes. Without
   * `name` there are no names.
   */
  constructor(
    memory: Arena,
    count: number,
    {
      name,
      frame,
      length,
    }: { name: ((index: number) => number) | undefined; frame: (index: number) => number; length: number },
  ) {
    this.#memory = memory;
    this.#headers = memory.take(count * MMSGHDR.size);
    this.#iovs = memory.take(count * IOVEC.size);
    for (let index = 0; index < count; index++) {
      const header = this.#headers + index * MMSGHDR.size;
      const iov = this.#iovs + index * IOVEC.size;
      if (name) {
        memory.setPointer(header + MMSGHDR.name, name(index));
        memory.u32[(header + MMSGHDR.nameLength) >> 2] = SOCKADDR_UN_SIZE;
      }
      memory.setPointer(header + MMSGHDR.iov, iov);
      memory.u32[(header + MMSGHDR.iovLength) >> 2] = 1;
      memory.setPointer(iov + IOVEC.base, frame(index));
      memory.u32[(iov + IOVEC.length) >> 2] = length;
    }
  }

  /** Where the kernel finds the headers from `index` on. */
  address(index: number): number {
    return this.#memory.address(this.#headers + index * MMSGHDR.size);
  }

  /** A field of 32 bits of a header, by its offset. */
  get(index: number, field: number): number {
    return this.#memory.u32[(this.#headers + index * MMSGHDR.size + field) >> 2]!;
  }

  /** The length of the frame that `set` gave. */
  frameLength(index: number): number {
    return this.#memory.u32[(this.#iovs + index * IOVEC.size + IOVEC.length) >> 2]!;
  }

  /** After a receive the length of a name is what came: makes room for a whole one again. */
  resetName(index: number): void {
    this.#memory.u32[(this.#headers + index * MMSGHDR.size + MMSGHDR.nameLength) >> 2] = SOCKADDR_UN_SIZE;
  }

  /** Points a header to a name and a frame, both by their offsets. */
  set(index: number, name: number, frame: number, length: number): void {
    const { u32 } = this.#memory;
    const iov = (this.#iovs + index * IOVEC.size) >> 2;
    u32[(this.#headers + index * MMSGHDR.size) >> 2] = this.#memory.low(name);
    u32[iov] = this.#memory.low(frame);
    u32[iov + (IOVEC.length >> 2)] = length;
  }
}
