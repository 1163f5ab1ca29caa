import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { errorText } from '../../os/index.ts';
import { type Form, readEnd } from './answer.ts';
import { find } from './table.ts';
import { joinWords } from './words.ts';

/** How long an answer may take, in ms: a stopped switch must not hold up a script for ever. */
const ANSWER_MS = 30_000;

/** No console answers there. The message is one line that names the socket. */
export class ConsoleUnreachable extends Error {
  override readonly name = 'ConsoleUnreachable';

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
  }
}

/** What a command came to, seen from the client. */
export type Reply =
  /** `text` is all that was said, without the last line of a text answer. */
  | { kind: 'done'; text: string }
  | { kind: 'refused'; reason: string; text: string }
  /** Bytes follow until the connection ends. */
  | { kind: 'stream'; socket: Socket };

/** A connection to the console of a switch. One command at a time. */
export class ConsoleClient {
  readonly #socket: Socket;
  readonly #path: string;
  #rest = Buffer.alloc(0);
  #late = false;

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    socket.pause();
    socket.on('error', () => {}); // told by the end of the connection
  }

  /** @throws ConsoleUnreachable */
  static async connect(path: string): Promise<ConsoleClient> {
    const socket = connectSocket(path);
    try {
      await once(socket, 'connect');
    } catch (error) {
      throw new ConsoleUnreachable(path, errorText(error));
    }
    return new ConsoleClient(socket, path);
  }

  /** Asks, and waits for the answer. @throws ConsoleUnreachable if the connection ends before it */
  async ask(words: readonly string[], form: Form): Promise<Reply> {
    const timer = setTimeout(() => {
      this.#late = true;
      this.#socket.destroy();
    }, ANSWER_MS);
    try {
      this.#socket.write(`${form === 'json' ? '--json ' : ''}${joinWords(words)}\n`);
      return await this.#answer(form);
    } finally {
      clearTimeout(timer);
    }
  }

  async #answer(form: Form): Promise<Reply> {
    let text = '';
    for (;;) {
      const line = await this.#line();
      const end = readEnd(line, form);
      if (form === 'json' || end === undefined) text += `${line}\n`;
      if (end === undefined) continue;
      if (end === 'OK') return { kind: 'done', text };
      if (end === 'STREAM') return { kind: 'stream', socket: this.#handOver() };
      return { kind: 'refused', reason: end.reason, text };
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf(10);
      if (end >= 0) {
        const line = this.#rest.toString('utf8', 0, end);
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      this.#rest = Buffer.concat([this.#rest, await this.#chunk()]);
    }
  }

  async #chunk(): Promise<Buffer> {
    for (;;) {
      const chunk = this.#socket.read() as Buffer | null;
      if (chunk) return chunk;
      if (this.#socket.readableEnded || this.#socket.destroyed) {
        const late = `no answer in ${ANSWER_MS / 1000} seconds`;
        throw new ConsoleUnreachable(this.#path, this.#late ? late : 'it hung up without an answer');
      }
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          for (const event of ['readable', 'end', 'close']) this.#socket.off(event, wake);
          resolve();
        };
        for (const event of ['readable', 'end', 'close']) this.#socket.once(event, wake);
      });
    }
  }

  /** The socket, with what came behind the answer first. */
  #handOver(): Socket {
    if (this.#rest.length > 0) this.#socket.unshift(this.#rest);
    this.#rest = Buffer.alloc(0);
    return this.#socket;
  }
}

/** The words of a command with its files named from `/`, as the switch is in another directory. */
export function withAbsoluteFiles(words: readonly string[], directory: string): string[] {
  const absolute = [...words];
  let values: ReturnType<typeof find>['values'];
  try {
    ({ values } = find(words));
  } catch {
    return absolute; // the switch says what is wrong
  }
  const isPath = values.some(({ name, text }) => name === 'KIND' && (text === 'bess' || text === 'stream'));
  for (const { name, text, index } of values) {
    if (text !== '' && (name === 'FILE' || (name === 'WHERE' && isPath))) absolute[index] = resolve(directory, text);
  }
  return absolute;
}
