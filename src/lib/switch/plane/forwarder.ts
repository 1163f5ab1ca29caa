import type { Arena } from '../../os/index.ts';
import type { Counters } from '../counters.ts';
import type { PortVlan, Setting } from '../ports.ts';
import { AddressBook, type AddressLog, UNKNOWN } from './address-book.ts';
import { Detour } from './detour.ts';
import { Egress } from './egress.ts';
import type { Question } from './messages.ts';
import { MirrorPort } from './mirror.ts';
import type { FrameObserver } from './observer.ts';
import { PortList } from './port-list.ts';
import { NO_VLAN, Vlans } from './vlan.ts';

export type { AddressLog, FrameObserver };

/** An Ethernet header: what is shorter is no frame. */
export const MIN_FRAME = 14;
/** The longest frame that is carried, in bytes. */
export const MAX_FRAME = 65_535;
/** Port numbers are below this. */
export const MAX_PORTS = 1024;
const TRANSPARENT: PortVlan = { mode: 'transparent' };
/** What becomes of frames from a port. */
const WAY = { forward: 0, detour: 1, drop: 2 } as const;

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
  readonly #counters: Counters;
  readonly #book: AddressBook;
  readonly #egress: Egress;
  readonly #vlans: Vlans;
  readonly #mirror = new MirrorPort(MAX_PORTS);
  readonly #detour: Detour;
  readonly #links = new Map<number, Link>();
  readonly #isDown = new Uint8Array(MAX_PORTS);
  readonly #ports = new PortList(MAX_PORTS);
  /** Those that are up. */
  readonly #upPorts = new PortList(MAX_PORTS);
  /** Those of them that know no VLANs. */
  readonly #transparentPorts = new PortList(MAX_PORTS);
  readonly #ways = new Uint8Array(MAX_PORTS);

  constructor({ memory, kind, log, counters, clock }: ForwarderOptions) {
    this.#counters = counters;
    this.#book = new AddressBook({ memory, ports: MAX_PORTS, kind, log, clock });
    this.#egress = new Egress(counters, MAX_PORTS);
    this.#vlans = new Vlans(memory, MAX_PORTS);
    this.#detour = new Detour({
      memory,
      counters,
      book: this.#book,
      egress: this.#egress,
      vlans: this.#vlans,
      mirror: this.#mirror,
      ports: this.#upPorts,
    });
  }

  addPort(port: number, link: Link): void {
    this.#links.set(port, link);
    this.#isDown[port] = 0;
    this.#vlans.set(port, TRANSPARENT);
    this.#ports.add(port);
    this.#arrange();
  }

  /** Takes a port away with every address that was learned on it. */
  removePort(port: number): void {
    const link = this.#links.get(port);
    this.#links.delete(port);
    this.#ports.remove(port);
    this.#mirror.forgetPort(port); // it may have been set after the port had ended by itself
    this.#book.forgetPort(port);
    this.#arrange();
    link?.remove(port);
  }

  set(setting: Setting): void {
    switch (setting.set) {
      case 'kind':
        this.#book.isHub = setting.kind === 'hub';
        return;
      case 'ageing':
        this.#book.setAgeing(setting.seconds);
        return;
      case 'state':
        this.#isDown[setting.port] = setting.state === 'down' ? 1 : 0;
        this.#book.forgetPort(setting.port);
        break;
      case 'vlan':
        this.#vlans.set(setting.port, setting.vlan);
        this.#book.forgetPort(setting.port);
        break;
      case 'mirror':
        this.#mirror.set(setting.mirror);
        break;
    }
    this.#arrange();
  }

  /** The addresses that were asked for: LISTED.size words for each. */
  answer(question: Question): Uint32Array {
    return this.#book.answer(question);
  }

  /** Shows every frame to an observer, until it is called with none. */
  observe(observer: FrameObserver | undefined): void {
    this.#egress.observer = observer;
    this.#arrange();
  }

  /** Something is to be told later: `catchUp` must be called once a second, even if no frame comes. */
  get pending(): boolean {
    return this.#book.pending;
  }

  catchUp(): void {
    this.#book.catchUp();
  }

  /** To be called before the frames of a batch: the clock is read once for all. */
  startBatch(): void {
    this.#book.catchUp();
  }

  /**
   * Decides on what came from a port, of any length, at `offset`, a multiple of 4 with HEADROOM before it: learns a
   * frame's source address, then sends it to the one port of its destination, never back to where it came from, or to
   * all others. Counts it.
   */
  forward(port: number, offset: number, length: number): void {
    this.#counters.received(port, length);
    if (length < MIN_FRAME || length > MAX_FRAME) this.#counters.dropped(port);
    else if (this.#ways[port] === WAY.forward) this.#forward(port, offset, length);
    else this.#forwardSpecially(port, offset, length);
  }

  /** Lets the links send what they accepted since the last time. */
  flush(): void {
    this.#egress.flush();
  }

  /** Between transparent ports, while nobody looks on. */
  #forward(port: number, offset: number, length: number): void {
    const to = this.#book.destination(offset, NO_VLAN);
    if (to === UNKNOWN) this.#flood(port, offset, length);
    else {
      this.#book.admit(port, offset, NO_VLAN);
      if (to !== port) this.#egress.send(to, offset, length);
    }
  }

  #flood(port: number, offset: number, length: number): void {
    if (!this.#book.admitToAll(port, offset, length, NO_VLAN, 0)) {
      this.#counters.dropped(port);
      return;
    }
    for (let index = this.#transparentPorts.count - 1; index >= 0; index--) {
      const each = this.#transparentPorts.at(index);
      if (each !== port) this.#egress.send(each, offset, length);
    }
  }

  #forwardSpecially(port: number, offset: number, length: number): void {
    if (this.#ways[port] === WAY.drop) {
      this.#counters.dropped(port);
      return;
    }
    this.#egress.observer?.received(port, offset, length);
    this.#detour.forward(port, offset, length);
  }

  /** Works out what is looked up for every frame, after a change. */
  #arrange(): void {
    const isUp = (port: number): boolean => this.#isDown[port] === 0;
    this.#upPorts.become(this.#ports, isUp);
    this.#transparentPorts.become(this.#upPorts, (port) => this.#vlans.isTransparent(port));
    const isWatched = this.#mirror.isOn || this.#egress.observer !== undefined;
    for (let port = 0; port < MAX_PORTS; port++) {
      this.#egress.setLink(port, isUp(port) ? this.#links.get(port) : undefined);
      const isPlain = this.#vlans.isTransparent(port) && !isWatched;
      this.#ways[port] = isUp(port) ? (isPlain ? WAY.forward : WAY.detour) : WAY.drop;
    }
  }
}
