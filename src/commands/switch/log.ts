import type { Managed, switchMessages as messages, SwitchEvent } from '../../lib/switch/index.ts';

type Follower = Parameters<Managed['follow']>[0];

/** Where the lines of a switch go: its standard streams, and whoever follows them on a console. */
export class Log {
  readonly #followers = new Set<Follower>();
  /** Standard output may be a capture's. */
  readonly #only: 'stderr' | undefined;

  constructor(only?: 'stderr') {
    this.#only = only;
  }

  /** `event` is what the lines tell of. */
  print(lines: readonly messages.Line[], event?: SwitchEvent): void {
    for (const [index, { to, text }] of lines.entries()) {
      process[this.#only ?? to].write(`${text}\n`);
      for (const follower of this.#followers) follower(text, index === 0 ? event : undefined);
    }
  }

  /** @returns the function that ends it */
  follow(listener: Follower): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }
}
