import {
  type Arena,
  closeFd,
  EPOLL_EVENT,
  epollAdd,
  epollRemove,
  epollWait,
  newEpoll,
  POLLFD,
  POLLIN,
  pollBriefly,
} from '../../os/index.ts';

/** Descriptors that one call tells of. The kernel moves those it told of to the end of its list, so none waits for ever. */
const EVENTS = 64;
/** What `doze` sleeps, in nanoseconds: epoll_wait has milliseconds only. */
const DOZE = 50_000;
const TIMESPEC = { size: 16, nanoseconds: 8 } as const;

/** Tells which of many descriptors have something to be read, whatever their number; only those are looked at. */
export class Poller {
  readonly #memory: Arena;
  readonly #events: number;
  readonly #address: number;
  readonly #epoll = newEpoll();
  /** A pollfd with the epoll descriptor itself, and a timespec. */
  readonly #self: number;
  readonly #doze: number;

  constructor(memory: Arena) {
    this.#memory = memory;
    const self = memory.take(POLLFD.size);
    memory.u32[self >> 2] = this.#epoll;
    memory.u16[(self + POLLFD.events) >> 1] = POLLIN;
    this.#self = memory.address(self);
    const doze = memory.take(TIMESPEC.size);
    memory.u32[(doze + TIMESPEC.nanoseconds) >> 2] = DOZE;
    this.#doze = memory.address(doze);
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

  /** Sleeps until a descriptor has something, for a twentieth of a millisecond at most. */
  doze(): void {
    pollBriefly(this.#self, 1, this.#doze);
  }

  /** The number of the descriptor at this place of the last answer. */
  key(index: number): number {
    return this.#memory.u32[(this.#events + index * EPOLL_EVENT.size + EPOLL_EVENT.data) >> 2]!;
  }

  close(): void {
    closeFd(this.#epoll);
  }
}
