import type { switchMessages as messages } from '../../lib/switch/index.ts';

/** Where the lines of a switch go: its standard streams, and whoever follows them on a console. */
export class Log {
  readonly #followers = new Set<(line: string) => void>();
  /** Standard output may be a capture's. */
  readonly #only: 'stderr' | undefined;

  constructor(only?: 'stderr') {
    this.#only = only;
  }

  print(lines: readonly messages.Line[]): void {
    for (const { to, text } of lines) {
      process[this.#only ?? to].write(`${text}\n`);
      for (const follower of this.#followers) follower(text);
    }
  }

  /** @returns the function that ends it */
  follow(listener: (line: string) => void): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }
}
