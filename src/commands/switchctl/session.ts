import { once } from 'node:events';
import type { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { ConsoleClient, withAbsoluteFiles } from '../../lib/switch/index.ts';

/** The exit statuses of `uml switchctl`, as its manual page has them. */
export const STATUS = {
  success: 0,
  /** The switch refused. */
  refused: 1,
  /** The words make no sense, or no console answers. */
  usage: 2,
} as const;

const STDOUT = 1;

/** A connection to a console, whose answers are printed. */
export class Session {
  readonly #client: ConsoleClient;
  readonly #form: 'text' | 'json';
  /** The connection has been used up by a stream. */
  isOver = false;

  private constructor(client: ConsoleClient, form: 'text' | 'json') {
    this.#client = client;
    this.#form = form;
  }

  /** @throws ConsoleUnreachable */
  static async open(socket: string, form: 'text' | 'json'): Promise<Session> {
    return new Session(await ConsoleClient.connect(socket), form);
  }

  /** Asks, and prints the answer: what is refused on standard error. @throws ConsoleUnreachable */
  async run(words: readonly string[]): Promise<number> {
    if (words[0] === 'capture' && (words.length === 1 || words[1] === 'port') && isatty(STDOUT)) {
      process.stderr.write(
        'uml switchctl: a capture is not for a terminal; uml switchctl capture | tcpdump -r - shows it\n',
      );
      return STATUS.usage;
    }
    const reply = await this.#client.ask(withAbsoluteFiles(words, process.cwd()), this.#form);
    if (reply.kind === 'stream') {
      this.isOver = true;
      await copy(reply.socket);
      return STATUS.success;
    }
    process.stdout.write(reply.text);
    if (reply.kind === 'done') return STATUS.success;
    if (this.#form === 'text') process.stderr.write(`uml switchctl: ${reply.reason}\n`);
    return STATUS.refused;
  }

  close(): void {
    this.#client.close();
  }
}

/** Copies until the switch ends it, or nobody reads any more. */
async function copy(socket: Socket): Promise<void> {
  process.stdout.on('error', () => socket.destroy());
  socket.pipe(process.stdout, { end: false });
  if (!socket.destroyed) await once(socket, 'close');
}
