import type { Arena } from '../../os/index.ts';
import { parseAddress } from './address.ts';
import { EchoWatch, FRESH, type LoopLog } from './echoes.ts';
import { type FlapLog, FlapWatch } from './flap-watch.ts';
import { MacTable, NEWLY_PINNED, PINNED, TABLE_FULL, UNKNOWN } from './mac-table.ts';
import type { Question } from './messages.ts';

export { UNKNOWN };

const GROUP_BIT = 1;
const VLAN_SHIFT = 16;

/** What is told of the addresses in frames, each as two numbers (see MacTable). Must be quick. */
export interface AddressLog extends FlapLog, LoopLog {
  learned(low: number, high: number, port: number, oldPort: number | undefined): void;
  /** A frame went to every port because nobody is known to have this address. */
  unknown(low: number, high: number, port: number): void;
}

export interface AddressBookOptions {
  memory: Arena;
  /** Port numbers are below this. */
  ports: number;
  kind: 'switch' | 'hub';
  log: AddressLog;
  /** Seconds, of any clock that only goes forward. */
  clock: () => number;
}

/** Where addresses are, which frames are told by their addresses to go no further, and what is told about that. */
export class AddressBook {
  readonly #memory: Arena;
  readonly #table: MacTable;
  readonly #log: AddressLog;
  readonly #clock: () => number;
  readonly #flaps: FlapWatch;
  readonly #echoes: EchoWatch;
  /** The clock's whole seconds when the batch came that is being forwarded. */
  #now = 0;
  isHub: boolean;

  constructor({ memory, ports, kind, log, clock }: AddressBookOptions) {
    this.#memory = memory;
    this.#table = new MacTable(ports);
    this.#log = log;
    this.#clock = clock;
    this.#flaps = new FlapWatch(this.#table, log);
    this.#echoes = new EchoWatch(memory, log);
    this.isHub = kind === 'hub';
  }

  /** Something is to be told later: `catchUp` must be called once a second, even if no frame comes. */
  get pending(): boolean {
    return this.#flaps.pending || this.#echoes.isLoop;
  }

  /** Reads the clock: once for all the frames of a batch. */
  catchUp(): void {
    this.#now = Math.floor(this.#clock());
    if (this.#flaps.pending) this.#flaps.catchUp(this.#now);
    if (this.#echoes.isLoop) this.#echoes.catchUp(this.#now);
  }

  /** The one port that the frame at `offset` goes to, UNKNOWN if it goes to all. */
  destination(offset: number, vlan: number): number {
    const low = this.#memory.u32[offset >> 2]!;
    if (this.isHub || low & GROUP_BIT) return UNKNOWN;
    return this.#table.find(low, this.#memory.u16[(offset >> 1) + 2]! | (vlan << VLAN_SHIFT), this.#now);
  }

  /** Notes where a frame for one port came from. */
  admit(port: number, offset: number, vlan: number): void {
    const { u16 } = this.#memory;
    const half = offset >> 1;
    this.#learn((u16[half + 3]! | (u16[half + 4]! << 16)) >>> 0, u16[half + 5]! | (vlan << VLAN_SHIFT), port);
  }

  /**
   * Notes where a frame for all ports came from. Whether it may go there: not from an address that is pinned to another
   * port, and not if it comes back in a loop.
   * @param tag the length of its VLAN's tag in it
   */
  admitToAll(port: number, offset: number, length: number, vlan: number, tag: 0 | 4): boolean {
    const { u16, u32 } = this.#memory;
    const half = offset >> 1;
    const low = (u16[half + 3]! | (u16[half + 4]! << 16)) >>> 0;
    const high = u16[half + 5]! | (vlan << VLAN_SHIFT);
    const now = this.#now;
    const isWatching = this.#echoes.isWatching(now);
    const first = isWatching ? this.#echoes.check(port, offset, length, vlan, tag, now) : FRESH;
    if (this.#echoes.isLoop && this.#table.pins) this.#table.forgetAll(); // many are known where they only came by
    this.#table.pins = !this.#echoes.isLoop;
    if (first !== FRESH) {
      if (first >= 0) this.#learn(low, high, first); // it may have moved before we knew
      return false;
    }
    const before = this.#learn(low, high, port);
    if (before === PINNED || before === NEWLY_PINNED) return false;
    if (before >= 0 && before !== port) this.#echoes.suspect(before, offset, length, vlan, tag, now);
    if (isWatching) this.#echoes.note(port, now);
    const to = u32[offset >> 2]!;
    if ((to & GROUP_BIT) === 0) this.#noteUnknown(to, u16[half + 2]! | (vlan << VLAN_SHIFT), port);
    return true;
  }

  #noteUnknown(low: number, high: number, port: number): void {
    if (this.#table.find(low, high, this.#now) === UNKNOWN) this.#log.unknown(low, high, port);
  }

  /** As MacTable does. A group address is nobody's. */
  #learn(low: number, high: number, port: number): number {
    if (low & GROUP_BIT) return UNKNOWN;
    const before = this.#table.learn(low, high, port, this.#now);
    if (before !== port) this.#tell(low, high, port, before);
    return before;
  }

  #tell(low: number, high: number, port: number, before: number): void {
    if (before === TABLE_FULL || before === PINNED) return;
    if (before === NEWLY_PINNED) this.#flaps.begin(low, high, port, this.#now);
    else this.#log.learned(low, high, port, before === UNKNOWN ? undefined : before);
  }

  setAgeing(seconds: number): void {
    this.#table.setAgeing(seconds);
  }

  forgetPort(port: number): void {
    this.#table.forgetPort(port);
    this.#echoes.forgetPort(port);
  }

  /** Addresses as MacTable lists them. */
  answer({ ask, filter: { address: text, port, vlan } }: Question): Uint32Array {
    this.catchUp();
    const filter = { address: text === undefined ? undefined : parseAddress(text), port, vlan };
    return ask === 'forget' ? this.#table.forget(filter, this.#now) : this.#table.list(filter, this.#now);
  }
}
