import { parseAddress } from './address.ts';
import { type FlapLog, FlapWatch } from './flap-watch.ts';
import { MacTable, NEWLY_PINNED, PINNED, TABLE_FULL, UNKNOWN } from './mac-table.ts';
import type { Question } from './messages.ts';

export { UNKNOWN };

const GROUP_BIT = 1;

/** What is told of the addresses in frames, each as two numbers (see MacTable). Must be quick. */
export interface AddressLog extends FlapLog {
  learned(low: number, high: number, port: number, oldPort: number | undefined): void;
  /** A frame went to every port because nobody is known to have this address. */
  unknown(low: number, high: number, port: number): void;
}

/** Where addresses are, and what is told about it. */
export class AddressBook {
  readonly #table: MacTable;
  readonly #log: AddressLog;
  readonly #clock: () => number;
  readonly #flaps: FlapWatch;
  /** The clock's whole seconds when the batch came that is being forwarded. */
  #now = 0;
  isHub: boolean;

  /** For ports below `ports`; `clock` gives seconds, of any clock that only goes forward. */
  constructor(ports: number, kind: 'switch' | 'hub', log: AddressLog, clock: () => number) {
    this.#table = new MacTable(ports);
    this.#log = log;
    this.#clock = clock;
    this.#flaps = new FlapWatch(this.#table, log);
    this.isHub = kind === 'hub';
  }

  /** Something is to be told later: `catchUp` must be called once a second, even if no frame comes. */
  get pending(): boolean {
    return this.#flaps.pending;
  }

  /** Reads the clock: once for all the frames of a batch. */
  catchUp(): void {
    this.#now = Math.floor(this.#clock());
    if (this.#flaps.pending) this.#flaps.catchUp(this.#now);
  }

  /** Notes where a frame came from. Whether it may go on: not from a group address, nor from one that belongs elsewhere. */
  learn(low: number, high: number, port: number): boolean {
    if (low & GROUP_BIT) return false;
    const before = this.#table.learn(low, high, port, this.#now);
    return before === port || this.#learnedNews(low, high, port, before);
  }

  #learnedNews(low: number, high: number, port: number, before: number): boolean {
    switch (before) {
      case TABLE_FULL:
        return true;
      case PINNED:
        return false;
      case NEWLY_PINNED:
        this.#flaps.begin(low, high, port, this.#now);
        return false;
      default:
        this.#log.learned(low, high, port, before === UNKNOWN ? undefined : before);
        return true;
    }
  }

  /** The one port that a frame from `port` goes to, UNKNOWN if it goes to all. */
  destination(low: number, high: number, port: number): number {
    if (low & GROUP_BIT) return UNKNOWN;
    const to = this.#table.find(low, high, this.#now);
    if (to === UNKNOWN) this.#log.unknown(low, high, port);
    return this.isHub ? UNKNOWN : to;
  }

  setAgeing(seconds: number): void {
    this.#table.setAgeing(seconds);
  }

  forgetPort(port: number): void {
    this.#table.forgetPort(port);
  }

  /** Addresses as MacTable lists them. */
  answer({ ask, filter: { address: text, port, vlan } }: Question): Uint32Array {
    this.catchUp();
    const filter = { address: text === undefined ? undefined : parseAddress(text), port, vlan };
    return ask === 'forget' ? this.#table.forget(filter, this.#now) : this.#table.list(filter, this.#now);
  }
}
