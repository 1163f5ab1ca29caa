import { type Arena, closeFd, EPOLL_EVENT, epollAdd, epollRemove, epollWait, newEpoll } from '../../os/index.ts';

/** Descriptors that one call tells of. The kernel moves those it told of to the end of its list, so none waits for ever. */
const EVENTS = 64;

/** Tells which of many descriptors have something to be read, whatever their number; only those are looked at. */
export class Poller {
  readonly #memory: Arena;
  readonly #events: number;
  readonly #address: number;
  readonly #epoll = newEpoll();

  constructor(memory: Arena) {
    this.#memory = memory;
    this.#events = memory.take(EVENTS * EPOLL_EVENT.size);
    this.#address = memory.address(this.#events);
  }

  /** Watches a descriptor, under a number of the caller's choice. OsError if epoll does not take it (a regular file). */
  add(fd: number, key: number): void {
    epollAdd(this.#epoll, fd, key);
  }

  /** Stops watching a descriptor, which must still be open. */
  remove(fd: number): void {
    epollRemove(this.#epoll, fd);
  }

  /**
   * Sleeps until a descriptor has something, for `timeout` ms at most; 0 only looks, -1 sleeps for ever.
   * @returns how many have something; `key` gives them
   */
  wait(timeout: number): number {
    return Math.max(0, epollWait(this.#epoll, this.#address, EVENTS, timeout)); // negative: a signal came
  }

  /** The number of the descriptor at this place of the last answer. */
  key(index: number): number {
    return this.#memory.u32[(this.#events + index * EPOLL_EVENT.size + EPOLL_EVENT.data) >> 2]!;
  }

  close(): void {
    closeFd(this.#epoll);
  }
}
