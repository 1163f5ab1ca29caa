import { MAX_PORTS } from '../plane/forwarder.ts';

/** The C switch names a port by its descriptor. Standard streams, control and data socket have the first five. */
const FIRST = 5;
/** How many ports there can be. */
export const PORT_LIMIT = MAX_PORTS - FIRST;

/** The numbers that ports have in log lines: the lowest that is free, as the kernel gives descriptors to the C switch. */
export class PortNumbers {
  readonly #taken = new Set<number>();

  /** A number below MAX_PORTS; undefined when all are taken. */
  take(): number | undefined {
    for (let number = FIRST; number < MAX_PORTS; number++) {
      if (this.#taken.has(number)) continue;
      this.#taken.add(number);
      return number;
    }
    return undefined;
  }

  give(number: number): void {
    this.#taken.delete(number);
  }
}
