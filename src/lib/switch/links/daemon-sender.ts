import { constants } from 'node:os';
import { type Arena, sendBatch, sleepMicroseconds, yieldCpu } from '../../os/index.ts';
import type { Counters } from '../counters.ts';
import { MAX_PORTS } from '../plane/forwarder.ts';
import type { Reporter } from '../plane/reporter.ts';
import { DatagramHeaders } from './datagram-headers.ts';
import type { PortNames } from './port-names.ts';

/** Frames that are sent in one call at most. */
const SEND_BATCH = 512;
/** Frames for stuck ports that are kept until the others are sent; what comes then is lost. */
const HELD_FRAMES = 256;
/** How often a frame to a full queue is tried again at once, with a chance for its receiver to run in between. */
const RETRIES = 20;
/**
 * Then it is waited for, so many microseconds at a time. A guest takes its frames in turns of about a millisecond, and
 * later on a busy host; one that takes none for so many milliseconds is stuck.
 */
const PAUSE = 100;
const PATIENCE = 25;
/**
 * The share of all time that may go into waiting for one port, and how many milliseconds it may be in advance: a slow
 * reader slows the others down, but no further.
 */
const WAITING_SHARE = 0.6;
const ADVANCE = 200;
const { EAGAIN } = constants.errno;

/**
 * Sends frames to clients in batches. A receiver's queue is short (11 by the kernel's default), so a burst fills it
 * although its owner reads; what does not fit is tried again for a moment. A port that used up this patience in vain
 * is stuck: from then on its frames go last and are tried once a batch, so that it delays nobody, until it takes one.
 */
export class DaemonSender {
  readonly #fd: number;
  readonly #names: PortNames;
  readonly #reporter: Reporter;
  readonly #counters: Counters;
  readonly #headers: DatagramHeaders;
  readonly #port = new Int16Array(SEND_BATCH);
  #queued = 0;
  readonly #stuck = new Uint8Array(MAX_PORTS);
  /** Frames for stuck ports: port, offset, length. */
  readonly #held = new Uint32Array(HELD_FRAMES * 3);
  #heldCount = 0;
  /** The flush in which a stuck port last refused a frame. */
  readonly #refused = new Float64Array(MAX_PORTS);
  #flushes = 0;
  /** Milliseconds of waiting that a port has had in advance of its share, and when that was reckoned. */
  readonly #waited = new Float64Array(MAX_PORTS);
  readonly #reckoned = new Float64Array(MAX_PORTS);

  /** `anyFrame` is the offset of any frame. */
  constructor(fd: number, memory: Arena, names: PortNames, anyFrame: number, reporter: Reporter, counters: Counters) {
    this.#fd = fd;
    this.#names = names;
    this.#reporter = reporter;
    this.#counters = counters;
    this.#headers = new DatagramHeaders(memory, SEND_BATCH, {
      name: () => names.offset(0),
      frame: () => anyFrame,
      length: 0,
    });
  }

  remove(port: number): void {
    this.#setStuck(port, 0);
    this.#waited[port] = 0;
  }

  /** Accepts a frame, whose bytes stay in place until `flush`. */
  send(port: number, offset: number, length: number): void {
    if (this.#stuck[port] === 1) {
      this.#hold(port, offset, length);
      return;
    }
    if (this.#queued === SEND_BATCH) this.#sendQueued();
    const index = this.#queued++;
    this.#headers.set(index, this.#names.offset(port), offset, length);
    this.#port[index] = port;
  }

  flush(): void {
    if (this.#queued > 0) this.#sendQueued();
    if (this.#heldCount > 0) this.#sendHeld();
  }

  #sendQueued(): void {
    let sent = 0;
    while (sent < this.#queued) {
      const result = this.#sendFrom(sent);
      sent += result > 0 ? result : this.#retry(sent, -result);
    }
    this.#queued = 0;
  }

  #sendFrom(index: number): number {
    return sendBatch(this.#fd, this.#headers.address(index), this.#queued - index);
  }

  /**
   * The frame at `index` failed.
   * @returns how many frames are done with: those that went after all, or that one, which is lost
   */
  #retry(index: number, firstErrno: number): number {
    const port = this.#port[index]!;
    let errno = firstErrno;
    if (errno === EAGAIN && this.#stuck[port] === 0) {
      for (let attempt = 0; attempt < RETRIES && errno === EAGAIN; attempt++) {
        yieldCpu();
        const result = this.#sendFrom(index);
        if (result > 0) return result;
        errno = -result;
      }
      if (errno === EAGAIN) {
        const result = this.#wait(index, port);
        if (result > 0) return result;
        errno = -result;
      }
      if (errno === EAGAIN) this.#setStuck(port, 1);
    }
    this.#reporter.lost(port, 'client', errno, this.#headers.frameLength(index));
    return 1;
  }

  /** Tries the frame at `index` for as long as its port may be waited for. The result of the last attempt. */
  #wait(index: number, port: number): number {
    const began = performance.now();
    const recovered = (began - this.#reckoned[port]!) * WAITING_SHARE;
    const used = Math.max(0, this.#waited[port]! - recovered);
    const end = began + Math.min(PATIENCE, ADVANCE - used);
    let result = -EAGAIN;
    let now = began;
    for (; result === -EAGAIN && now < end; now = performance.now()) {
      sleepMicroseconds(PAUSE);
      result = this.#sendFrom(index);
    }
    this.#waited[port] = used + now - began;
    this.#reckoned[port] = began;
    return result;
  }

  #setStuck(port: number, stuck: 0 | 1): void {
    this.#stuck[port] = stuck;
    this.#counters.setStuck(port, stuck);
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
      if (result > 0) this.#setStuck(port, 0);
      else {
        this.#refused[port] = this.#flushes;
        this.#reporter.lost(port, 'client', -result, length);
      }
    }
    this.#heldCount = 0;
  }
}
