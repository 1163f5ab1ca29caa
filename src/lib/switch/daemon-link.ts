import { constants } from 'node:os';
import {
  type Arena,
  IOVEC,
  MMSGHDR,
  OsError,
  receiveBatch,
  SOCKADDR_UN_SIZE,
  sendBatch,
  type UnixAddress,
  yieldCpu,
} from '../os/index.ts';
import { type Forwarder, type Link, MAX_FRAME, MAX_PORTS, MIN_FRAME } from './forwarder.ts';
import { BATCH, type FrameSlots, SLOT_SIZE } from './frame-slots.ts';
import type { Reporter } from './reporter.ts';

/** Frames that are sent in one call at most. */
const SEND_BATCH = 512;
/** How often a frame to a full queue is tried again, with a chance for its receiver to run in between. */
const RETRIES = 20;
const NAME_STRIDE = 112;
const NAME_WORDS = 28; // 110 bytes and 2 that are always zero
const MSG_TRUNC = 0x20;
const { EAGAIN, EINTR } = constants.errno;

/**
 * The clients of the daemon transport, all behind one datagram socket: a frame's port is told by the address that it
 * came from, byte for byte (spec 8.4). It moves batches with recvmmsg and sendmmsg, headers prepared once, frames
 * never copied.
 */
export class DaemonLink implements Link {
  readonly fd: number;
  readonly #memory: Arena;
  readonly #slots: FrameSlots;
  readonly #forwarder: Forwarder;
  readonly #reporter: Reporter;
  /** Receive: a mmsghdr, an iovec and a name a slot. Send: a mmsghdr and an iovec a frame. */
  readonly #rx: number;
  readonly #rxNames: number;
  readonly #tx: number;
  readonly #txIov: number;
  readonly #txPort = new Int16Array(SEND_BATCH);
  #queued = 0;
  /** The address of each port, and the ports that have one, in the order in which they came. */
  readonly #names: number;
  readonly #ports = new Int16Array(MAX_PORTS);
  #count = 0;
  #lastSender = -1;
  /** Ports whose last frame found their queue full after all retries: the next one is tried just once. */
  readonly #stuck = new Uint8Array(MAX_PORTS);
  #stuckPorts = 0;

  constructor(fd: number, memory: Arena, slots: FrameSlots, forwarder: Forwarder, reporter: Reporter) {
    this.fd = fd;
    this.#memory = memory;
    this.#slots = slots;
    this.#forwarder = forwarder;
    this.#reporter = reporter;
    this.#names = memory.take(MAX_PORTS * NAME_STRIDE);
    this.#rxNames = memory.take(BATCH * NAME_STRIDE);
    this.#rx = this.#headers(BATCH, (slot) => this.#rxNames + slot * NAME_STRIDE);
    this.#tx = this.#headers(SEND_BATCH, () => this.#names);
    this.#txIov = this.#tx + SEND_BATCH * MMSGHDR.size;
  }

  /** Takes mmsghdrs followed by an iovec each, all over the frame slots, with these names. */
  #headers(count: number, name: (index: number) => number): number {
    const memory = this.#memory;
    const headers = memory.take(count * (MMSGHDR.size + IOVEC.size));
    for (let index = 0; index < count; index++) {
      const header = headers + index * MMSGHDR.size;
      const iov = headers + count * MMSGHDR.size + index * IOVEC.size;
      memory.setPointer(header + MMSGHDR.name, name(index));
      memory.u32[(header + MMSGHDR.nameLength) >> 2] = SOCKADDR_UN_SIZE;
      memory.setPointer(header + MMSGHDR.iov, iov);
      memory.u32[(header + MMSGHDR.iovLength) >> 2] = 1;
      memory.setPointer(iov + IOVEC.base, this.#slots.offset(index % BATCH));
      memory.u32[(iov + IOVEC.length) >> 2] = SLOT_SIZE;
    }
    return headers;
  }

  /** A new port; `address` has 110 bytes. The kernel gives a path without what follows its NUL, an abstract name whole. */
  add(port: number, address: UnixAddress): void {
    const at = this.#names + port * NAME_STRIDE;
    const pathEnd = address[2] === 0 ? -1 : address.indexOf(0, 2);
    this.#memory.u8.fill(0, at, at + NAME_STRIDE);
    this.#memory.u8.set(pathEnd < 0 ? address : address.subarray(0, pathEnd), at);
    this.#ports[this.#count++] = port;
  }

  remove(port: number): void {
    const at = this.#ports.subarray(0, this.#count).indexOf(port);
    if (at < 0) return;
    this.#ports.copyWithin(at, at + 1, this.#count--);
    if (this.#lastSender === port) this.#lastSender = -1;
    this.#stuckPorts -= this.#stuck[port]!;
    this.#stuck[port] = 0;
  }

  receive(wait: 'wait' | 'poll'): number {
    const { u32 } = this.#memory;
    const count = receiveBatch(this.fd, this.#memory.address(this.#rx), BATCH, wait);
    if (count < 0 && count !== -EAGAIN && count !== -EINTR) throw new OsError('recvmmsg', -count);
    this.#forwarder.startBatch();
    for (let slot = 0; slot < count; slot++) {
      const header = (this.#rx + slot * MMSGHDR.size) >> 2;
      const length = u32[header + (MMSGHDR.length >> 2)]!;
      const nameLength = u32[header + (MMSGHDR.nameLength >> 2)]!;
      const cut = u32[header + (MMSGHDR.flags >> 2)]! & MSG_TRUNC;
      u32[header + (MMSGHDR.nameLength >> 2)] = SOCKADDR_UN_SIZE;
      if (length < MIN_FRAME || length > MAX_FRAME || cut !== 0) continue;
      const port = this.#senderOf(this.#rxNames + slot * NAME_STRIDE, nameLength);
      if (port < 0) this.#reporter.stranger();
      else this.#forwarder.forward(port, this.#slots.offset(slot), length);
    }
    return Math.max(0, count);
  }

  /** The port with this address; the newest, if several clients gave the same. -1 if none has it. */
  #senderOf(name: number, length: number): number {
    if (length < SOCKADDR_UN_SIZE) this.#memory.u8.fill(0, name + length, name + NAME_STRIDE);
    if (this.#lastSender >= 0 && this.#isNameOf(name, this.#lastSender)) return this.#lastSender;
    for (let at = this.#count - 1; at >= 0; at--) {
      const port = this.#ports[at]!;
      if (this.#isNameOf(name, port)) {
        this.#lastSender = port;
        return port;
      }
    }
    return -1;
  }

  #isNameOf(name: number, port: number): boolean {
    const { u32 } = this.#memory;
    const a = name >> 2;
    const b = (this.#names + port * NAME_STRIDE) >> 2;
    for (let word = 0; word < NAME_WORDS; word++) {
      if (u32[a + word] !== u32[b + word]) return false;
    }
    return true;
  }

  send(port: number, offset: number, length: number): void {
    if (this.#queued === SEND_BATCH) this.flush();
    const { u32 } = this.#memory;
    const index = this.#queued++;
    const iov = (this.#txIov + index * IOVEC.size) >> 2;
    u32[(this.#tx + index * MMSGHDR.size) >> 2] = this.#memory.low(this.#names + port * NAME_STRIDE);
    u32[iov] = this.#memory.low(offset);
    u32[iov + (IOVEC.length >> 2)] = length;
    this.#txPort[index] = port;
  }

  flush(): void {
    let sent = 0;
    while (sent < this.#queued) {
      const first = this.#sendFrom(sent);
      const result = first > 0 ? first : this.#retry(sent, -first);
      if (result > 0 && this.#stuckPorts > 0) this.#unstick(sent, sent + result);
      sent += result || 1; // 0: the frame at `sent` is lost
    }
    this.#queued = 0;
  }

  #sendFrom(index: number): number {
    return sendBatch(this.fd, this.#memory.address(this.#tx + index * MMSGHDR.size), this.#queued - index);
  }

  /**
   * The frame at `index` failed. A full queue may have room in a moment, and its receiver is given a few; a receiver
   * that used them up in vain delays nobody again until it has taken a frame.
   * @returns how many frames went after all, 0 if the one at `index` is lost
   */
  #retry(index: number, firstErrno: number): number {
    const port = this.#txPort[index]!;
    let errno = firstErrno;
    if (errno === EAGAIN && this.#stuck[port] === 0) {
      for (let attempt = 0; attempt < RETRIES && errno === EAGAIN; attempt++) {
        yieldCpu();
        const result = this.#sendFrom(index);
        if (result > 0) return result;
        errno = -result;
      }
      this.#stuck[port] = 1;
      this.#stuckPorts++;
    }
    this.#reporter.lost(port, 'client', this.fd, errno);
    return 0;
  }

  #unstick(from: number, to: number): void {
    for (let index = from; index < to; index++) {
      const port = this.#txPort[index]!;
      this.#stuckPorts -= this.#stuck[port]!;
      this.#stuck[port] = 0;
    }
  }
}
