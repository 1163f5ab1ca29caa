import type { Mirror } from '../ports.ts';

const NO_PORT = -1;

/** Which frames are copied to a port that watches others. */
export class MirrorPort {
  /** The port that gets the copies; -1 for none. */
  to = NO_PORT;
  #fromAll = false;
  readonly #from: Uint8Array;

  /** For ports below `ports`. */
  constructor(ports: number) {
    this.#from = new Uint8Array(ports);
  }

  get isOn(): boolean {
    return this.to !== NO_PORT;
  }

  set(mirror: Mirror | undefined): void {
    this.to = mirror?.to ?? NO_PORT;
    this.#fromAll = mirror?.from === 'all';
    this.#from.fill(0);
    if (mirror && mirror.from !== 'all') for (const port of mirror.from) this.#from[port] = 1;
  }

  /** The port is gone; its number may come back as another's. */
  forgetPort(port: number): void {
    if (port === this.to) this.set(undefined);
    this.#from[port] = 0;
  }

  /** Whether what this port sends and receives is copied. */
  watches(port: number): boolean {
    return this.isOn && port !== this.to && (this.#fromAll || this.#from[port] === 1);
  }
}
