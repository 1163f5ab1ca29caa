import { constants } from 'node:os';
import type { Counters } from '../counters.ts';
import type { Reporter } from '../plane/reporter.ts';
import type { PortKind } from '../ports.ts';
import type { Backlog, Receiver } from './backlog.ts';
import type { LinkParts } from './index.ts';
import { type Envelopes, OUTBOX_SIZE, type Outbox } from './outbox.ts';
import type { Patience, Unsent } from './patience.ts';

const { EAGAIN, ECONNRESET, ENOTCONN, EPIPE } = constants.errno;

/** The other side left. A refusal (ECONNREFUSED) passes: the peer of a UDP socket may come back. */
export function isGone(errno: number): boolean {
  return errno === EPIPE || errno === ECONNRESET || errno === ENOTCONN;
}

export interface FrameQueueOptions {
  port: number;
  kind: PortKind;
  /** Where frames go. */
  fd: number;
  envelopes: Envelopes;
  /** What went of the messages, if it is a stream, which may take a part of one. */
  remainder?: Remainder | undefined;
}

/** The rest of a message that a stream has taken a part of. */
export interface Remainder {
  readonly isEmpty: boolean;
  /** Sends it. 0 when nothing of it is left, or the errno, negative. */
  finish(): number;
  /** Notes what is left of the message in a place of the outbox that was just sent. */
  note(index: number): void;
}

/** The frames of a batch that are for one port with a socket of its own. */
export class FrameQueue implements Unsent, Receiver {
  readonly #port: number;
  readonly #kind: PortKind;
  readonly #fd: number;
  readonly #envelopes: Envelopes;
  readonly #remainder: Remainder | undefined;
  readonly #outbox: Outbox;
  readonly #patience: Patience;
  readonly #backlog: Backlog;
  readonly #reporter: Reporter;
  readonly #counters: Counters;
  readonly #onEnd: (port: number) => void;
  readonly #offsets = new Uint32Array(OUTBOX_SIZE);
  readonly #lengths = new Uint32Array(OUTBOX_SIZE);
  #count = 0;
  /** The first of the kept frames is no frame, but stands for the rest of a message. */
  #isMarked = false;
  /** The other side left; all further frames are lost. */
  isClosed = false;

  constructor(
    { port, kind, fd, envelopes, remainder }: FrameQueueOptions,
    { outbox, patience, backlog, reporter, counters, onEnd }: LinkParts,
  ) {
    this.#port = port;
    this.#kind = kind;
    this.#fd = fd;
    this.#envelopes = envelopes;
    this.#remainder = remainder;
    this.#outbox = outbox;
    this.#patience = patience;
    this.#backlog = backlog;
    this.#reporter = reporter;
    this.#counters = counters;
    this.#onEnd = onEnd;
  }

  /** Accepts a frame, whose bytes stay in place until `flush`. */
  add(offset: number, length: number): void {
    if (this.#backlog.has(this.#port)) {
      this.#backlog.keep(this.#port, this, offset, length);
      return;
    }
    if (this.#count === OUTBOX_SIZE) {
      this.flush();
      this.add(offset, length); // some may be kept now, which go first
      return;
    }
    const index = this.#count++;
    this.#offsets[index] = offset;
    this.#lengths[index] = length;
  }

  flush(): void {
    if (this.#count === 0) return;
    for (let index = 0; index < this.#count; index++) {
      this.#set(index, this.#offsets[index]!, this.#lengths[index]!);
    }
    let sent = 0;
    while (sent < this.#count) sent += this.#sendOrLose(sent);
    this.#count = 0;
    if (!this.#backlog.has(this.#port)) this.#keepRemainder();
  }

  sendFrom(index: number): number {
    return this.#send(index, this.#count);
  }

  #set(index: number, offset: number, length: number): void {
    this.#outbox.set(index, this.#envelopes.of(offset, length, index), offset, length);
  }

  /** Of a stream's messages the last one may have gone in part; it counts as sent, as the rest goes before all others. */
  #send(index: number, end: number): number {
    const unfinished = this.#remainder?.finish() ?? 0;
    if (unfinished < 0) return unfinished;
    const sent = this.#outbox.send(this.#fd, index, end);
    if (sent > 0) this.#remainder?.note(index + sent - 1);
    return sent;
  }

  /** If no frame is kept that would follow it: a mark in its place, so that the rest of a message is tried again. */
  #keepRemainder(): void {
    if (!this.#remainder || this.#remainder.isEmpty || this.#patience.isStuck(this.#port)) return;
    this.#isMarked = true;
    this.#backlog.keep(this.#port, this, 0, 0);
  }

  /** Sends what it can from `index` on. How many frames are done with, sent or lost. */
  #sendOrLose(index: number): number {
    if (this.isClosed) return this.#drop(index);
    let result = this.sendFrom(index);
    if (result === -EAGAIN && !this.#patience.isStuck(this.#port)) {
      result = this.#patience.insist(this, index);
      if (result === -EAGAIN) return this.#keep(index);
    }
    if (result > 0) {
      if (this.#patience.isStuck(this.#port)) this.#patience.relieve(this.#port);
      return result;
    }
    if (result === -EAGAIN) return this.#lose(index, this.#count, EAGAIN); // once a batch
    this.#endIfGone(-result);
    return this.isClosed ? 0 : this.#lose(index, index + 1, -result);
  }

  #endIfGone(errno: number): void {
    if (!isGone(errno) || this.isClosed) return;
    this.isClosed = true;
    this.#onEnd(this.#port);
  }

  #keep(from: number): number {
    for (let index = from; index < this.#count; index++) {
      this.#backlog.keep(this.#port, this, this.#offsets[index]!, this.#lengths[index]!);
    }
    return this.#count - from;
  }

  /** Between batches, as all sending of what is kept. */
  sendKept(port: number, count: number): number {
    if (this.#isMarked) return this.#finishMarked();
    this.#backlog.visit(port, count, (index, offset, length) => {
      this.#set(index, offset, length);
    });
    const sent = this.#send(0, count);
    if (sent === this.#backlog.count(port)) this.#keepRemainder();
    return sent;
  }

  #finishMarked(): number {
    const unfinished = this.#remainder?.finish() ?? 0;
    if (unfinished < 0) return unfinished;
    this.#isMarked = false;
    return 1;
  }

  loseKept(port: number, errno: number, length: number): void {
    this.#endIfGone(errno);
    if (length === 0) {
      this.#isMarked = false;
      return;
    }
    this.#reporter.lost(port, this.#kind, errno, length);
  }

  /** Nobody is there to miss the frames from `index` on: they are only counted. */
  #drop(index: number): number {
    for (let each = index; each < this.#count; each++) this.#counters.lost(this.#port, this.#lengths[each]!);
    return this.#count - index;
  }

  #lose(from: number, end: number, errno: number): number {
    for (let index = from; index < end; index++) {
      this.#reporter.lost(this.#port, this.#kind, errno, this.#lengths[index]!);
    }
    return end - from;
  }
}
