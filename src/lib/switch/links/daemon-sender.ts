import { constants } from 'node:os';
import { sendBatch } from '../../os/index.ts';
import { MAX_PORTS } from '../plane/forwarder.ts';
import type { Reporter } from '../plane/reporter.ts';
import type { Backlog, Receiver } from './backlog.ts';
import { DatagramHeaders } from './datagram-headers.ts';
import type { LinkParts } from './index.ts';
import type { Patience, Unsent } from './patience.ts';
import type { PortNames } from './port-names.ts';

/** Frames that are sent in one call at most. */
const SEND_BATCH = 512;
/** Frames for stuck ports that are kept until the others are sent; what comes then is lost. */
const HELD_FRAMES = 256;
const { EAGAIN } = constants.errno;

/**
 * Sends frames to clients in batches. A receiver's queue is short (11 by the kernel's default), so a burst fills it
 * although its owner reads; what does not fit is tried again for a moment, then kept. Frames for stuck ports go last and
 * are tried once a batch.
 */
export class DaemonSender implements Unsent, Receiver {
  readonly #fd: number;
  readonly #names: PortNames;
  readonly #reporter: Reporter;
  readonly #patience: Patience;
  readonly #backlog: Backlog;
  readonly #headers: DatagramHeaders;
  readonly #port = new Int16Array(SEND_BATCH);
  readonly #offset = new Uint32Array(SEND_BATCH);
  readonly #length = new Uint32Array(SEND_BATCH);
  #queued = 0;
  /** Frames for stuck ports: port, offset, length. */
  readonly #held = new Uint32Array(HELD_FRAMES * 3);
  #heldCount = 0;
  /** The flush in which a stuck port last refused a frame. */
  readonly #refused = new Float64Array(MAX_PORTS);
  #flushes = 0;

  constructor(fd: number, { memory, slots, names, patience, backlog, reporter }: LinkParts) {
    this.#fd = fd;
    this.#names = names;
    this.#reporter = reporter;
    this.#patience = patience;
    this.#backlog = backlog;
    this.#headers = new DatagramHeaders(memory, SEND_BATCH, {
      name: () => names.offset(0),
      frame: () => slots.offset(0),
      length: 0,
    });
  }

  /** Accepts a frame, whose bytes stay in place until `flush`. */
  send(port: number, offset: number, length: number): void {
    if (this.#patience.isStuck(port)) {
      this.#hold(port, offset, length);
      return;
    }
    if (this.#backlog.has(port)) {
      this.#backlog.keep(port, this, offset, length);
      return;
    }
    if (this.#queued === SEND_BATCH) this.#sendQueued();
    this.#put(this.#queued++, port, offset, length);
  }

  #put(index: number, port: number, offset: number, length: number): void {
    this.#headers.set(index, this.#names.offset(port), offset, length);
    this.#port[index] = port;
    this.#offset[index] = offset;
    this.#length[index] = length;
  }

  flush(): void {
    if (this.#queued > 0) this.#sendQueued();
    if (this.#heldCount > 0) this.#sendHeld();
  }

  #sendQueued(): void {
    let sent = 0;
    while (sent < this.#queued) {
      const result = this.sendFrom(sent);
      sent += result > 0 ? result : this.#retry(sent, -result);
    }
    this.#queued = 0;
  }

  sendFrom(index: number): number {
    return sendBatch(this.#fd, this.#headers.address(index), this.#queued - index);
  }

  /**
   * The frame at `index` failed.
   * @returns how many frames are done with: those that went after all, that one, which is lost, or none of those that are
   * still queued, as it is kept
   */
  #retry(index: number, errno: number): number {
    const port = this.#port[index]!;
    let result = -errno;
    if (errno === EAGAIN && !this.#patience.isStuck(port)) {
      result = this.#patience.insist(this, index);
      if (result > 0) return result;
      if (result === -EAGAIN) {
        this.#keep(port, index);
        return 0;
      }
    }
    this.#reporter.lost(port, 'client', -result, this.#length[index]!);
    return 1;
  }

  /** Keeps all frames for a port from `index` on; the others close up. */
  #keep(port: number, index: number): void {
    let left = index;
    for (let at = index; at < this.#queued; at++) {
      const [offset, length] = [this.#offset[at]!, this.#length[at]!];
      if (this.#port[at] === port) this.#backlog.keep(port, this, offset, length);
      else this.#put(left++, this.#port[at]!, offset, length);
    }
    this.#queued = left;
  }

  /** Between batches, as all sending of what is kept. */
  sendKept(port: number, count: number): number {
    this.#backlog.visit(port, count, (index, offset, length) => {
      this.#headers.set(index, this.#names.offset(port), offset, length);
    });
    return sendBatch(this.#fd, this.#headers.address(0), count);
  }

  loseKept(port: number, errno: number, length: number): void {
    this.#reporter.lost(port, 'client', errno, length);
  }

  #hold(port: number, offset: number, length: number): void {
    if (this.#heldCount === HELD_FRAMES) {
      this.#reporter.lost(port, 'client', EAGAIN, length);
      return;
    }
    const at = 3 * this.#heldCount++;
    this.#held[at] = port;
    this.#held[at + 1] = offset;
    this.#held[at + 2] = length;
  }

  #sendHeld(): void {
    this.#flushes++;
    for (let at = 0; at < 3 * this.#heldCount; at += 3) {
      const port = this.#held[at]!;
      const length = this.#held[at + 2]!;
      if (this.#refused[port] === this.#flushes) {
        this.#reporter.lost(port, 'client', EAGAIN, length);
        continue;
      }
      this.#headers.set(0, this.#names.offset(port), this.#held[at + 1]!, length);
      const result = sendBatch(this.#fd, this.#headers.address(0), 1);
      if (result > 0) this.#patience.relieve(port);
      else {
        this.#refused[port] = this.#flushes;
        this.#reporter.lost(port, 'client', -result, length);
      }
    }
    this.#heldCount = 0;
  }
}
