import type { PortCounters } from './ports.ts';

const NAMES = ['rxFrames', 'rxBytes', 'rxDropped', 'txFrames', 'txBytes', 'txLost', 'stuck'] as const;
/** Float64: exact up to 2^53, and written in one piece. */
const BYTES = 8;

/** What is counted of a port, and its place in the port's row. */
export const COUNTER = { rxFrames: 0, rxBytes: 1, rxDropped: 2, txFrames: 3, txBytes: 4, txLost: 5, stuck: 6 } as const;
export type Counter = (typeof COUNTER)[keyof typeof COUNTER];

/**
 * The counters of all ports, in memory that both threads see: the thread of the frames writes, the main thread reads.
 */
export class Counters {
  readonly shared: SharedArrayBuffer;
  readonly #values: Float64Array;

  /** For ports below `ports`; `shared` is that of another thread's Counters. */
  constructor(ports: number, shared = new SharedArrayBuffer(ports * NAMES.length * BYTES)) {
    this.shared = shared;
    this.#values = new Float64Array(shared);
  }

  add(port: number, counter: Counter, amount: number): void {
    this.#values[port * NAMES.length + counter]! += amount;
  }

  /** For what is no count: 1 while the port is stuck. */
  set(port: number, counter: Counter, value: number): void {
    this.#values[port * NAMES.length + counter] = value;
  }

  clear(port: number): void {
    this.#values.fill(0, port * NAMES.length, (port + 1) * NAMES.length);
  }

  read(port: number): { counters: PortCounters; isStuck: boolean } {
    const row = this.#values.subarray(port * NAMES.length, (port + 1) * NAMES.length);
    const [rxFrames = 0, rxBytes = 0, rxDropped = 0, txFrames = 0, txBytes = 0, txLost = 0, stuck = 0] = row;
    return { counters: { rxFrames, rxBytes, rxDropped, txFrames, txBytes, txLost }, isStuck: stuck === 1 };
  }
}
