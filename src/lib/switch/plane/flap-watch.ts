import { type MacTable, UNKNOWN } from './mac-table.ts';

/** Addresses of which is told; a loop may have any number. */
const MAX_WATCHED = 64;
/** Seconds without being pinned again after which it is over. */
const QUIET_SECONDS = 30;

/** What is told about addresses in loops, each as two numbers (see MacTable). */
export interface FlapLog {
  /** An address moves between ports all the time: it stays on `port` now, what it sends to all from others, like `other`, is dropped. */
  flapping(low: number, high: number, port: number, other: number): void;
  settled(low: number, high: number, port: number): void;
}

interface Watched {
  low: number;
  high: number;
  port: number;
  /** When it was last pinned. */
  pinned: number;
}

/** Tells once of each address that had to be pinned to a port, and of its end. */
export class FlapWatch {
  readonly #table: MacTable;
  readonly #log: FlapLog;
  #watched: Watched[] = [];
  #checked = 0;

  constructor(table: MacTable, log: FlapLog) {
    this.#table = table;
    this.#log = log;
  }

  /** Something is to be told later: `catchUp` must be called once a second, even if no frame comes. */
  get pending(): boolean {
    return this.#watched.length > 0;
  }

  /** A frame from port `other` made the table pin its address. */
  begin(low: number, high: number, other: number, now: number): void {
    const known = this.#watched.find((each) => each.low === low && each.high === high);
    if (known) known.pinned = now;
    if (known || this.#watched.length === MAX_WATCHED) return;
    const port = this.#table.find(low, high, now);
    this.#watched.push({ low, high, port, pinned: now });
    this.#log.flapping(low, high, port, other);
  }

  catchUp(now: number): void {
    if (now === this.#checked) return;
    this.#checked = now;
    this.#watched = this.#watched.filter((each) => {
      if (this.#table.isPinned(each.low, each.high, now)) each.pinned = now;
      if (now - each.pinned < QUIET_SECONDS) return true;
      const port = this.#table.find(each.low, each.high, now);
      this.#log.settled(each.low, each.high, port === UNKNOWN ? each.port : port);
      return false;
    });
  }
}
