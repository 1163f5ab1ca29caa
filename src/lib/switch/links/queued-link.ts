import type { Backlog } from './backlog.ts';
import { FrameQueue, type FrameQueueOptions } from './frame-queue.ts';
import type { LinkEnd, LinkParts, OwnLink } from './index.ts';

/** A link whose frames leave by a queue: all but taps and clients of the daemon protocol. */
export abstract class QueuedLink implements OwnLink {
  readonly fd: number;
  protected readonly port: number;
  /** What ended it, once it is found when something is received. */
  protected end: LinkEnd | undefined;
  readonly #queue: FrameQueue;
  readonly #backlog: Backlog;

  /** `fd` is what is received from; the queue may have another. */
  constructor(fd: number, queue: FrameQueueOptions, parts: LinkParts) {
    this.fd = fd;
    this.port = queue.port;
    this.#queue = new FrameQueue(queue, parts);
    this.#backlog = parts.backlog;
  }

  get ended(): LinkEnd | undefined {
    return this.end ?? (this.#queue.isClosed ? 'closed' : undefined);
  }

  abstract take(): number;

  abstract pass(count: number): void;

  send(_port: number, offset: number, length: number): void {
    this.#queue.add(offset, length);
  }

  flush(): void {
    this.#queue.flush();
  }

  remove(): void {
    this.#backlog.forget(this.port);
  }
}
