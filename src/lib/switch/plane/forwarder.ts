import type { Arena } from '../../os/index.ts';
import type { Counters } from '../counters.ts';
import type { AddressInfo, Setting } from '../ports.ts';
import { MacTable, TABLE_FULL, UNKNOWN } from './mac-table.ts';
import type { Question } from './messages.ts';
import type { FrameObserver } from './observer.ts';

export type { FrameObserver };

/** An Ethernet header: what is shorter is no frame. */
export const MIN_FRAME = 14;
/** The longest frame that is carried, in bytes. */
export const MAX_FRAME = 65_535;
/** Port numbers are below this. */
export const MAX_PORTS = 1024;
const GROUP_BIT = 1;

/** A way for frames to reach ports and to come from them: one descriptor with all the ports behind it. */
export interface Link {
  readonly fd: number;
  /**
   * Takes a batch of what waits into the frame slots.
   * @param wait whether to block for the first one
   * @returns how many came
   */
  take(wait: 'wait' | 'poll'): number;
  /** Hands what came to the forwarder, whatever its length; what is no frame is dropped and counted there. */
  pass(count: number): void;
  /** Accepts a frame for one of its ports; the bytes stay in place until `flush`. What is lost is reported. */
  send(port: number, offset: number, length: number): void;
  /** Sends all that was accepted; the bytes may be others afterwards. */
  flush(): void;
  /** Forgets what it knows about a port. */
  remove(port: number): void;
}

/** What the forwarder tells of the addresses it sees, each as two numbers (see MacTable). Must be quick. */
export interface AddressLog {
  learned(low: number, high: number, port: number, oldPort: number | undefined): void;
  /** A frame went to every port because nobody is known to have this address. */
  unknown(low: number, high: number, port: number): void;
}

export interface ForwarderOptions {
  memory: Arena;
  kind: 'switch' | 'hub';
  log: AddressLog;
  counters: Counters;
  /** Seconds, of any clock that only goes forward. */
  clock: () => number;
}

/**
 * The heart of the switch: ports, their addresses, and where a frame goes. Frames are offsets into an arena; how they
 * travel is the links' affair. Nothing is allocated while frames pass.
 */
export class Forwarder {
  readonly #memory: Arena;
  readonly #counters: Counters;
  readonly #clock: () => number;
  /** The clock's whole seconds when the batch came that is being forwarded. */
  #now = 0;
  #floodsAll: boolean;
  readonly #log: AddressLog;
  readonly #table = new MacTable();
  readonly #links: (Link | undefined)[] = new Array<Link | undefined>(MAX_PORTS).fill(undefined);
  readonly #ports = new Int16Array(MAX_PORTS);
  #count = 0;
  readonly #isDown = new Uint8Array(MAX_PORTS);
  #observer: FrameObserver | undefined;
  /** Links that accepted a frame since the last flush; the first `#unflushed`, one perhaps several times. */
  readonly #toFlush: Link[] = [];
  #unflushed = 0;

  constructor({ memory, kind, log, counters, clock }: ForwarderOptions) {
    this.#memory = memory;
    this.#counters = counters;
    this.#clock = clock;
    this.#floodsAll = kind === 'hub';
    this.#log = log;
  }

  addPort(port: number, link: Link): void {
    this.#links[port] = link;
    this.#isDown[port] = 0;
    this.#ports[this.#count++] = port;
  }

  /** Takes a port away with every address that was learned on it. */
  removePort(port: number): void {
    const at = this.#ports.subarray(0, this.#count).indexOf(port);
    if (at < 0) return;
    this.#ports.copyWithin(at, at + 1, this.#count--);
    this.#links[port]?.remove(port);
    this.#links[port] = undefined;
    this.#table.forgetPort(port);
  }

  set(setting: Setting): void {
    switch (setting.set) {
      case 'kind':
        this.#floodsAll = setting.kind === 'hub';
        break;
      case 'ageing':
        this.#table.maxAge = setting.seconds === 0 ? Number.POSITIVE_INFINITY : setting.seconds;
        break;
      case 'state':
        this.#setState(setting.port, setting.state);
        break;
    }
  }

  #setState(port: number, state: 'up' | 'down'): void {
    this.#isDown[port] = state === 'down' ? 1 : 0;
    if (state === 'down') this.#table.forgetPort(port);
  }

  /** Shows every frame to an observer, until it is called with none. */
  observe(observer: FrameObserver | undefined): void {
    this.#observer = observer;
  }

  answer(_question: Question): AddressInfo[] {
    return [];
  }

  /** Reads the clock: once for all the frames of a batch. */
  startBatch(): void {
    this.#now = Math.floor(this.#clock());
  }

  /**
   * Decides on what came from a port, of any length, at `offset`, a multiple of 4: learns a frame's source address, then
   * sends it to the one port of its destination, never back to where it came from, or to all others. Counts it.
   */
  forward(port: number, offset: number, length: number): void {
    this.#counters.received(port, length);
    if (length < MIN_FRAME || length > MAX_FRAME || this.#isDown[port] !== 0) {
      this.#counters.dropped(port);
      return;
    }
    this.#observer?.received(port, offset, length);
    const { u16, u32 } = this.#memory;
    const half = offset >> 1;
    this.#learn((u16[half + 3]! | (u16[half + 4]! << 16)) >>> 0, u16[half + 5]!, port);
    const low = u32[offset >> 2]!;
    if ((low & GROUP_BIT) === 0) {
      const high = u16[half + 2]!;
      const to = this.#table.find(low, high, this.#now);
      if (to === UNKNOWN) this.#log.unknown(low, high, port);
      else if (!this.#floodsAll) {
        if (to !== port) this.#send(to, offset, length);
        return;
      }
    }
    for (let at = this.#count - 1; at >= 0; at--) {
      const to = this.#ports[at]!;
      if (to !== port) this.#send(to, offset, length);
    }
  }

  #send(to: number, offset: number, length: number): void {
    if (this.#isDown[to] !== 0) return;
    const link = this.#links[to];
    if (!link) return;
    this.#counters.sent(to, length);
    this.#observer?.sent(to, offset, length);
    if (this.#unflushed === 0 || this.#toFlush[this.#unflushed - 1] !== link) this.#toFlush[this.#unflushed++] = link;
    link.send(to, offset, length);
  }

  /** Lets the links send what they accepted since the last time: only those, as there may be hundreds of others. */
  flush(): void {
    for (let at = 0; at < this.#unflushed; at++) this.#toFlush[at]!.flush();
    this.#unflushed = 0;
  }

  #learn(low: number, high: number, port: number): void {
    if (low & GROUP_BIT) return;
    const before = this.#table.learn(low, high, port, this.#now);
    if (before === port || before === TABLE_FULL) return;
    this.#log.learned(low, high, port, before === UNKNOWN ? undefined : before);
  }
}
