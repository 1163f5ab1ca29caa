import { lstatSync, type Stats, unlinkSync } from 'node:fs';
import {
  bind,
  closeFd,
  receive,
  sendTo,
  type UnixAddress,
  unixSocket,
  type Watcher,
  watch,
  withPathAddress,
} from '../os/index.ts';
import { removeDeadSocket } from './dead-socket.ts';
import { decodeRequest, encodeFault, encodePart, MAX_DATAGRAM, splitText } from './protocol.ts';

/** Datagrams taken at one wake-up; others that wait on the event loop get their turn then. */
const BATCH = 64;
/** First and longest pause, in milliseconds, before a part is offered again to a client whose queue is full. */
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 50;
/** A client that takes nothing for so many milliseconds is given up. */
const PATIENCE = 10_000;

/** The answer to one command. Text of any length; it is cut into parts. */
export interface Reply {
  /** Ends the reply with success. Resolves when it is sent: `halt` waits for that. */
  ok(text?: string): Promise<void>;
  /** Ends the reply with a failure: err is 1, or a negative errno where the exit status of clients should tell. */
  error(text: string, err?: number): Promise<void>;
  /**
   * Sends text and announces more. A following `ok` ends the reply; UML's sysrq, proc and stack end theirs with an
   * empty part so.
   */
  write(text: string): Promise<void>;
}

/**
 * Carries out one command. A handler that returns without having ended its reply answers success with no text; one
 * that throws answers with err 1 and the error's message.
 * @param argument what follows the command word, without the one blank between them
 */
export type Command = (argument: string, reply: Reply) => void | Promise<void>;

export interface MconsoleServerOptions {
  path: string;
  /** By command word. Words are matched whole: `versions` and `sysrqm` are no commands, as they are to the kernel. */
  commands: Readonly<Record<string, Command>>;
}

export interface MconsoleServer {
  readonly path: string;
  /** Stops serving and removes the socket. Synchronous. */
  close(): void;
}

/**
 * Serves a management console (spec 2, 3) on a new socket, with the mode that the umask gives. A socket that a dead
 * server left is replaced; anything else in its place is not touched. Commands run as they come in, those that wait
 * for something side by side.
 * @throws MconsoleError IN_USE, NOT_A_SOCKET; OsError, e.g. ENAMETOOLONG where the last part of the path is longer than a socket's address
 */
export function serveMconsole({ path, commands }: MconsoleServerOptions): MconsoleServer {
  removeDeadSocket(path);
  const table = new Map(Object.entries(commands));
  const fd = unixSocket('dgram');
  let watcher: Watcher;
  let bound: Stats;
  try {
    withPathAddress(path, (address) => bind(fd, address));
    bound = lstatSync(path);
    watcher = watch(fd, { readable: drain });
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  let open = true;
  const buffer = Buffer.alloc(MAX_DATAGRAM);

  function drain(): void {
    for (let taken = 0; open && taken < BATCH; taken++) {
      const datagram = receive(fd, buffer);
      if (!datagram) return;
      answer(buffer.subarray(0, Math.min(datagram.length, buffer.length)), datagram.from);
    }
  }

  function answer(datagram: Uint8Array, client: UnixAddress): void {
    const request = decodeRequest(datagram);
    if (request.fault !== undefined) {
      void deliver(encodeFault(request.fault), client);
      return;
    }
    void run(request.command, new ReplyTo((part) => deliver(part, client)));
  }

  async function run(command: string, reply: ReplyTo): Promise<void> {
    const [, word = '', argument = ''] = /^(\S*)\s?(.*)$/s.exec(command) ?? [];
    const handler = table.get(word);
    if (!handler) return reply.error('Unknown command');
    try {
      await handler(argument, reply);
    } catch (error) {
      await reply.error(error instanceof Error ? error.message : String(error));
    }
    if (!reply.ended) await reply.ok();
  }

  /** Sends one datagram, waiting while the client's queue is full. A client that is gone is no error of ours. */
  async function deliver(datagram: Uint8Array, client: UnixAddress): Promise<void> {
    if (client.length <= 2) return; // not bound: there is no way back
    const deadline = Date.now() + PATIENCE;
    for (let pause = FIRST_PAUSE; open && Date.now() < deadline; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        if (sendTo(fd, datagram, client) !== undefined) return;
      } catch {
        return;
      }
      // The event loop can't tell when another socket's queue has room again: it has to be tried.
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  return {
    path,
    close() {
      if (!open) return;
      open = false;
      watcher.close();
      closeFd(fd);
      const there = lstatSync(path, { throwIfNoEntry: false });
      if (there && there.ino === bound.ino && there.dev === bound.dev) unlinkSync(path);
    },
  };
}

/** Keeps the parts of one reply in order, and its end the end. */
class ReplyTo implements Reply {
  ended = false;
  private first = true;
  private sent: Promise<void> = Promise.resolve();
  private readonly deliver: (datagram: Uint8Array) => Promise<void>;

  constructor(deliver: (datagram: Uint8Array) => Promise<void>) {
    this.deliver = deliver;
  }

  ok(text = ''): Promise<void> {
    return this.send(text, 0, 'last');
  }

  error(text: string, err = 1): Promise<void> {
    return this.send(text, err, 'last');
  }

  write(text: string): Promise<void> {
    return this.send(text, 0, 'more follows');
  }

  private send(text: string, err: number, position: 'last' | 'more follows'): Promise<void> {
    if (this.ended) return this.sent;
    this.ended = position === 'last';
    const pieces = splitText(text);
    for (const [index, data] of pieces.entries()) {
      const more = position === 'more follows' || index < pieces.length - 1;
      const part = encodePart({ err: this.first ? err : 0, more, data });
      this.first = false;
      this.sent = this.sent.then(() => this.deliver(part));
    }
    return this.sent;
  }
}
