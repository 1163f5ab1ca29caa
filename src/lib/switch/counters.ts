import type { PortCounters } from './ports.ts';

/** Float64: exact up to 2^53, and written in one piece. */
const BYTES = 8;
/** Places in a row: a power of two, and a cache line to each port. */
const ROW = 8;

/** The places in a port's row. */
const COUNTER = { rxFrames: 0, rxBytes: 1, rxDropped: 2, txFrames: 3, txBytes: 4, txLost: 5, stuck: 6 } as const;

/**
 * The counters of all ports, in memory that both threads see: the thread of the frames writes, the main thread reads.
 */
export class Counters {
  readonly shared: SharedArrayBuffer;
  readonly #values: Float64Array;

  /** For ports below `ports`; `shared` is that of another thread's Counters. */
  constructor(ports: number, shared = new SharedArrayBuffer(ports * ROW * BYTES)) {
    this.shared = shared;
    this.#values = new Float64Array(shared);
  }

  received(port: number, length: number): void {
    const row = port * ROW;
    this.#values[row + COUNTER.rxFrames]! += 1;
    this.#values[row + COUNTER.rxBytes]! += length;
  }

  /** What was received goes no further. */
  dropped(port: number): void {
    this.#values[port * ROW + COUNTER.rxDropped]! += 1;
  }

  sent(port: number, length: number): void {
    const row = port * ROW;
    this.#values[row + COUNTER.txFrames]! += 1;
    this.#values[row + COUNTER.txBytes]! += length;
  }

  /** What counts as sent was lost after all. */
  lost(port: number, length: number): void {
    const row = port * ROW;
    this.#values[row + COUNTER.txFrames]! -= 1;
    this.#values[row + COUNTER.txBytes]! -= length;
    this.#values[row + COUNTER.txLost]! += 1;
  }

  setStuck(port: number, stuck: 0 | 1): void {
    this.#values[port * ROW + COUNTER.stuck] = stuck;
  }

  clear(port: number): void {
    this.#values.fill(0, port * ROW, (port + 1) * ROW);
  }

  read(port: number): { counters: PortCounters; isStuck: boolean } {
    const row = this.#values.subarray(port * ROW, (port + 1) * ROW);
    const [rxFrames = 0, rxBytes = 0, rxDropped = 0, txFrames = 0, txBytes = 0, txLost = 0, stuck = 0] = row;
    return { counters: { rxFrames, rxBytes, rxDropped, txFrames, txBytes, txLost }, isStuck: stuck === 1 };
  }
}
