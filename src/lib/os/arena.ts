/**
 * The calls of a data plane: memory that the kernel is told of by address, batches of datagrams, and neither an
 * allocation nor an exception a call. All of them return what C returns, and failures as negative errno.
 */
import { check } from './error.ts';
import { koffi } from './koffi.ts';
import { lastErrno, libc } from './libc.ts';

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_WAITFORONE = 0x10000;
const HIGH_WORD = 2 ** 32;
const ALIGNMENT = 64;

/** sizeof(struct mmsghdr), and where its fields are: a 64-bit msghdr and the length of the message. */
export const MMSGHDR = { size: 64, name: 0, nameLength: 8, iov: 16, iovLength: 24, flags: 48, length: 56 } as const;
/** sizeof(struct iovec): base and length. */
export const IOVEC = { size: 16, base: 0, length: 8 } as const;
/** sizeof(struct pollfd): descriptor, 16 bits of events asked for, 16 bits of events that came. */
export const POLLFD = { size: 8, events: 4 } as const;
export const POLLIN = 1;
/** sizeof(struct epoll_event) and its 64 bits of data, of which we use the low 32: packed on x86-64 alone. */
export const EPOLL_EVENT = process.arch === 'x64' ? ({ size: 12, data: 4 } as const) : ({ size: 16, data: 8 } as const);
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL = { add: 1, remove: 2 } as const;
const EPOLLIN = 1;

/**
 * A block of memory at a fixed address, handed out in pieces and never given back. Whoever keeps an address of it must
 * keep the arena: a plain number does not keep the memory alive. It does not cross a multiple of 4 GiB, so that a
 * pointer into it is changed by writing its low word.
 */
export class Arena {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly #address: number;
  #used = 0;

  constructor(size: number) {
    const [buffer, address] = unbrokenBuffer(size);
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.#address = address;
  }

  /** Takes zeroed bytes, aligned to a cache line. Their offset. RangeError when the arena is used up. */
  take(size: number): number {
    const offset = this.#used;
    this.#used += Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    if (this.#used > this.u8.length) throw new RangeError('the arena is used up');
    return offset;
  }

  /** The address of an offset. */
  address(offset: number): number {
    return this.#address + offset;
  }

  /** The low word of an offset's address. */
  low(offset: number): number {
    return (this.#address + offset) % HIGH_WORD;
  }

  /** Writes the address of `target` as a pointer at `offset`, a multiple of 8. */
  setPointer(offset: number, target: number): void {
    this.u32[offset >> 2] = this.low(target);
    this.u32[(offset >> 2) + 1] = Math.floor(this.#address / HIGH_WORD);
  }
}

function unbrokenBuffer(size: number): [ArrayBuffer, number] {
  const broken: ArrayBuffer[] = []; // held, so that the next one lies elsewhere
  for (;;) {
    const buffer = new ArrayBuffer(size);
    const address = Number(koffi().address(buffer));
    if (Math.floor(address / HIGH_WORD) === Math.floor((address + size) / HIGH_WORD)) return [buffer, address];
    broken.push(buffer);
  }
}

/** Receives datagrams into mmsghdrs: `wait` for the first one on a blocking socket, or take what is there. */
export function receiveBatch(fd: number, address: number, count: number, wait: 'wait' | 'poll'): number {
  const result = libc.recvmmsg(fd, address, count, wait === 'wait' ? MSG_WAITFORONE : MSG_DONTWAIT, 0);
  return result < 0 ? -lastErrno() : result;
}

/** Sends datagrams from mmsghdrs until one of them fails, never waiting. How many went; the errno if the first failed. */
export function sendBatch(fd: number, address: number, count: number): number {
  const result = libc.sendmmsg(fd, address, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  return result < 0 ? -lastErrno() : result;
}

export function readAt(fd: number, address: number, length: number): number {
  const result = libc.readAt(fd, address, length);
  return result < 0 ? -lastErrno() : result;
}

export function writeAt(fd: number, address: number, length: number): number {
  const result = libc.writeAt(fd, address, length);
  return result < 0 ? -lastErrno() : result;
}

/** poll(2): blocks the thread. `timeout` in ms, -1 for ever. */
export function pollBatch(address: number, count: number, timeout: number): number {
  const result = libc.poll(address, count, timeout);
  return result < 0 ? -lastErrno() : result;
}

/** ppoll(2): as `pollBatch`, for as long as the `struct timespec` at an address says (seconds, nanoseconds; 16 bytes). */
export function pollBriefly(address: number, count: number, timespec: number): number {
  const result = libc.ppoll(address, count, timespec, 0);
  return result < 0 ? -lastErrno() : result;
}

/** A new set of descriptors that are waited for together (epoll(7)), closed on exec. */
export function newEpoll(): number {
  return check('epoll_create1', libc.epoll_create1(EPOLL_CLOEXEC));
}

/** Adds a descriptor to a set: `key`, 32 bits, comes with it for as long as there is something to be read. OsError. */
export function epollAdd(epoll: number, fd: number, key: number): void {
  const event = Buffer.alloc(EPOLL_EVENT.size);
  event.writeUInt32LE(EPOLLIN, 0);
  event.writeUInt32LE(key, EPOLL_EVENT.data);
  check('epoll_ctl', libc.epoll_ctl(epoll, EPOLL_CTL.add, fd, event));
}

/** Takes a descriptor out of a set. OsError. */
export function epollRemove(epoll: number, fd: number): void {
  check('epoll_ctl', libc.epoll_ctl(epoll, EPOLL_CTL.remove, fd, null));
}

/**
 * epoll_wait(2): blocks the thread. The epoll_events of up to `count` descriptors that are ready come to `address`, those
 * that waited longest first. `timeout` in ms, -1 for ever.
 */
export function epollWait(epoll: number, address: number, count: number, timeout: number): number {
  const result = libc.epoll_wait(epoll, address, count, timeout);
  return result < 0 ? -lastErrno() : result;
}

/** Lets another thread run on this core. */
export function yieldCpu(): void {
  libc.sched_yield();
}

/** Lets this thread sleep. The kernel adds its timer slack, about 50 microseconds. */
export function sleepMicroseconds(microseconds: number): void {
  libc.usleep(microseconds);
}
