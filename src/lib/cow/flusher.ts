/** Background flushes: a guest that never flushes loses at most this much to a kill. */
const DELAY_MS = 5000;
const LIMIT_BYTES = 256 << 20;

/**
 * Makes writes durable: joins flushes that are asked for together, and flushes on its own account some time after the
 * last one when there is something to flush.
 */
export class Flusher {
  readonly #sync: () => Promise<void>;
  #unsynced = 0;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param sync makes everything durable that was written before it is called */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Tells of bytes that a completed write has left to be made durable. */
  wrote(bytes: number): void {
    this.#unsynced += bytes;
    if (this.#unsynced >= LIMIT_BYTES && !this.#running) this.#inBackground();
    this.#timer ??= setTimeout(() => this.#inBackground(), DELAY_MS).unref();
  }

  /** Resolves when all that was written before this call is durable. */
  flush(): Promise<void> {
    if (this.#next) return this.#next;
    if (!this.#running) return this.#start();
    // the one under way may have begun before the last write was complete
    const start = () => this.#start();
    this.#next = this.#running.then(start, start);
    return this.#next;
  }

  /** Stops flushing in the background. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  #inBackground(): void {
    // what fails here is still unsynced, so the next flush that somebody waits for reports it
    this.flush().catch(() => {});
  }

  #start(): Promise<void> {
    this.#next = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#unsynced === 0) return Promise.resolve();
    const amount = this.#unsynced;
    this.#unsynced = 0;
    const done = this.#sync()
      .catch((error: unknown) => {
        this.#unsynced += amount;
        throw error;
      })
      .finally(() => {
        this.#running = undefined;
      });
    this.#running = done;
    return done;
  }
}
