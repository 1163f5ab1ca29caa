import type { Counters } from '../counters.ts';
import type { Link } from './forwarder.ts';
import type { FrameObserver } from './observer.ts';

/** The way out of the switch: hands frames to the links of their ports, and lets those links send. */
export class Egress {
  readonly #counters: Counters;
  readonly #links: (Link | undefined)[];
  /** Links that accepted a frame since the last flush; the first `#unflushed`, one perhaps several times. */
  readonly #toFlush: Link[] = [];
  #unflushed = 0;
  /** The last one of them. */
  #lastLink: Link | undefined;
  observer: FrameObserver | undefined;

  /** For ports below `ports`. */
  constructor(counters: Counters, ports: number) {
    this.#counters = counters;
    this.#links = new Array<Link | undefined>(ports).fill(undefined);
  }

  setLink(port: number, link: Link | undefined): void {
    this.#links[port] = link;
  }

  /** The bytes stay in place until `flush`. */
  send(to: number, offset: number, length: number): void {
    const link = this.#links[to];
    if (!link) return;
    this.#counters.sent(to, length);
    this.observer?.sent(to, offset, length);
    if (link !== this.#lastLink) {
      this.#lastLink = link;
      this.#toFlush[this.#unflushed++] = link;
    }
    link.send(to, offset, length);
  }

  /** Lets the links send what they accepted since the last time: only those, as there may be hundreds of others. */
  flush(): void {
    for (let at = 0; at < this.#unflushed; at++) this.#toFlush[at]!.flush();
    this.#unflushed = 0;
    this.#lastLink = undefined;
  }
}
