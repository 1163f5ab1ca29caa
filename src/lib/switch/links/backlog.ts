import { constants } from 'node:os';
import { type Arena, yieldCpu } from '../../os/index.ts';
import { MAX_PORTS } from '../plane/forwarder.ts';
import { SLOT_STRIDE } from '../plane/frame-slots.ts';
import type { Patience } from './patience.ts';

/** Frames that are kept in all, and for one port: a burst, until its receiver has its turn. */
const SLOTS = 1024;
const PORT_SLOTS = 512;
/** Frames that are offered to a receiver at once. */
export const RUN = 16;
/** How soon a receiver that took nothing is tried again, in ms. One that takes some is tried with every batch. */
const INTERVAL = 0.02;
/**
 * A receiver that takes frames is let run for a moment with every batch, so that whoever sends to it does not get further
 * ahead: until none is kept, it takes none for so many looks, or the time (ms) is up. Not longer, as it may be waiting for
 * us to receive.
 */
const LOOKS = 3;
const HOLD = 0.2;
/** A receiver that took a frame within so many ms is one that takes frames. */
const AT_WORK = 0.5;
/**
 * A guest takes its frames in turns of about a millisecond, and much later when its host is busy. For so many ms frames
 * are kept for one that takes none.
 */
const PATIENCE = 200;
const NONE = -1;
const { EAGAIN } = constants.errno;

/** What sends to a port. */
export interface Receiver {
  /** Offers the first `count` frames (RUN at most) that the backlog keeps for a port. How many went, or the errno, negative. */
  sendKept(port: number, count: number): number;
  /** A kept frame is lost. */
  loseKept(port: number, errno: number, length: number): void;
}

/** The memory that a backlog needs, in bytes; pages that no frame touches take none. */
export const BACKLOG_SIZE = SLOTS * SLOT_STRIDE;

/**
 * Frames for ports whose queue was full, in order, until they can be sent: nobody else waits for that. (To wait here for a
 * guest would stop those that it waits for: with the switch's own queue full its sends block, and it does not receive.)
 * A port that takes none for a while is stuck, and its frames are lost.
 */
export class Backlog {
  readonly #memory: Arena;
  readonly #patience: Patience;
  readonly #frames: number;
  readonly #lengths = new Uint32Array(SLOTS);
  /** The slot after a slot: of the same port, or the next free one. */
  readonly #next = new Int16Array(SLOTS);
  #free = 0;
  readonly #first = new Int16Array(MAX_PORTS).fill(NONE);
  readonly #last = new Int16Array(MAX_PORTS);
  readonly #counts = new Uint16Array(MAX_PORTS);
  readonly #receivers: (Receiver | undefined)[] = new Array<Receiver | undefined>(MAX_PORTS).fill(undefined);
  /** When a port last took a frame, in ms. */
  readonly #took = new Float64Array(MAX_PORTS);
  /** When it was tried in vain, in ms. */
  readonly #refused = new Float64Array(MAX_PORTS);
  /** Ports for which frames are kept. */
  readonly #ports = new Int16Array(MAX_PORTS);
  #portCount = 0;

  constructor(memory: Arena, patience: Patience) {
    this.#memory = memory;
    this.#patience = patience;
    this.#frames = memory.take(BACKLOG_SIZE);
    for (let slot = 0; slot < SLOTS; slot++) this.#next[slot] = slot === SLOTS - 1 ? NONE : slot + 1;
  }

  /** Whether frames are kept for any port: `retry` must then be called again and again. */
  get isWaiting(): boolean {
    return this.#portCount > 0;
  }

  /** Whether frames are kept for a port: those that follow must be, too. */
  has(port: number): boolean {
    return this.#first[port] !== NONE;
  }

  /** How many frames are kept for a port. */
  count(port: number): number {
    return this.#counts[port]!;
  }

  /** Keeps a copy of a frame; it is lost if there is no room. */
  keep(port: number, receiver: Receiver, offset: number, length: number): void {
    const slot = this.#free;
    if (slot === NONE || this.#counts[port]! >= PORT_SLOTS) {
      receiver.loseKept(port, EAGAIN, length);
      return;
    }
    this.#free = this.#next[slot]!;
    const at = this.#offset(slot);
    this.#memory.u8.copyWithin(at, offset, offset + length);
    this.#lengths[slot] = length;
    this.#next[slot] = NONE;
    if (this.has(port)) this.#next[this.#last[port]!] = slot;
    else this.#begin(port, receiver, slot);
    this.#last[port] = slot;
    this.#counts[port]!++;
  }

  /** Calls `visit` with index, offset and length of the first `count` frames that are kept for a port. */
  visit(port: number, count: number, visit: (index: number, offset: number, length: number) => void): void {
    let slot = this.#first[port]!;
    for (let index = 0; index < count; index++) {
      visit(index, this.#offset(slot), this.#lengths[slot]!);
      slot = this.#next[slot]!;
    }
  }

  /**
   * Tries the ports for which frames are kept. `now` in ms.
   * @returns whether a receiver takes frames and is behind all the same: then it helps to receive few
   */
  retry(now: number): boolean {
    let isBehind = false;
    for (let at = this.#portCount - 1; at >= 0; at--) {
      const port = this.#ports[at]!;
      if (now - this.#refused[port]! >= INTERVAL) this.#try(port, now);
      if (!this.has(port) || now - this.#took[port]! >= AT_WORK) continue;
      this.#hold(port, now);
      if (this.has(port)) isBehind = true;
    }
    return isBehind;
  }

  #hold(port: number, began: number): void {
    let looks = 0;
    for (let now = began; this.has(port) && looks < LOOKS && now - began < HOLD; now = performance.now()) {
      const before = this.#counts[port]!;
      yieldCpu();
      this.#try(port, now);
      looks = this.#counts[port] === before ? looks + 1 : 0;
    }
  }

  /** The port is gone, its frames with it. */
  forget(port: number): void {
    while (this.has(port)) this.#drop(port);
    this.#patience.forget(port);
  }

  #offset(slot: number): number {
    return this.#frames + slot * SLOT_STRIDE;
  }

  #begin(port: number, receiver: Receiver, slot: number): void {
    this.#receivers[port] = receiver;
    this.#first[port] = slot;
    this.#took[port] = performance.now();
    this.#refused[port] = 0;
    this.#ports[this.#portCount++] = port;
  }

  #try(port: number, now: number): void {
    const receiver = this.#receivers[port]!;
    while (this.has(port)) {
      const result = receiver.sendKept(port, Math.min(RUN, this.#counts[port]!));
      if (result > 0) {
        this.#took[port] = now;
        this.#refused[port] = 0;
        for (let sent = 0; sent < result; sent++) this.#drop(port);
      } else if (result !== -EAGAIN) receiver.loseKept(port, -result, this.#drop(port));
      else if (now - this.#took[port]! >= PATIENCE) this.#giveUp(port, receiver);
      else {
        if (this.#took[port] !== now) this.#refused[port] = now;
        return;
      }
    }
  }

  #giveUp(port: number, receiver: Receiver): void {
    this.#patience.end(port);
    while (this.has(port)) receiver.loseKept(port, EAGAIN, this.#drop(port));
  }

  /** Takes the first frame of a port away. Its length. */
  #drop(port: number): number {
    const slot = this.#first[port]!;
    this.#first[port] = this.#next[slot]!;
    this.#next[slot] = this.#free;
    this.#free = slot;
    this.#counts[port]!--;
    if (!this.has(port)) {
      this.#receivers[port] = undefined;
      const at = this.#ports.indexOf(port);
      this.#ports.copyWithin(at, at + 1, this.#portCount--);
    }
    return this.#lengths[slot]!;
  }
}
