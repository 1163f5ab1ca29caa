import {
  bind,
  closeFd,
  connect,
  errorText,
  hasCode,
  rawAddress,
  receive,
  SOCKADDR_UN_SIZE,
  send,
  sendWithDescriptor,
  type UnixAddress,
  unixSocket,
  type Watcher,
  watch,
  withPathAddress,
} from '../os/index.ts';
import { MconsoleError } from './error.ts';
import { decodePart, encodeRequest, MAX_DATAGRAM, type ReplyPart } from './protocol.ts';

/** How long to wait for an answer, in milliseconds, unless told otherwise. */
export const DEFAULT_TIMEOUT = 15_000;
/** The same for commands that take an instance down: what it does before it answers may take a while. */
const ENDING_TIMEOUT = 60_000;
const ENDING_COMMANDS = /^(halt|reboot|cad)\b/;
/** When so many milliseconds pass between two parts of one reply, the last one is lost. */
const PART_TIMEOUT = 3000;
/** The longest pause, in milliseconds, before a request is offered again to a console whose queue is full. */
const LONGEST_PAUSE = 20;
/** How often it is looked whether the other side is still there, in milliseconds. */
const PROBE_INTERVAL = 200;
/**
 * UML sends a reply's parts without waiting, and the kernel drops what exceeds a queue of 10 (net.unix.max_dgram_qlen).
 * So the socket is read without going to sleep for so many milliseconds after the request and after each part.
 */
const SPIN = 2;

/** A whole reply. */
export interface MconsoleReply {
  /** 0 for success, 1 or a negative errno for a refusal. */
  err: number;
  /** Its text, decoded from UTF-8. */
  text: string;
  /** Its text as it was sent. */
  bytes: Uint8Array;
  /** Datagrams that it came in. */
  parts: number;
  /** Whether its end was lost on the way. */
  truncated: boolean;
}

export interface RequestOptions {
  /** Milliseconds to wait for the first part of the answer; default 15000, for halt, reboot and cad 60000. */
  timeout?: number | undefined;
  /** Gives the request up: MconsoleError ABORTED. */
  signal?: AbortSignal | undefined;
  /** A descriptor of ours that goes along with the request (SCM_RIGHTS), as `umlfs` wants it. */
  descriptor?: number | undefined;
}

/**
 * Sends one command to the management console at `socketPath` and collects the reply. Each request has a socket of
 * its own, so that a late answer to one that was given up can't be taken for another's. Only the console asked can
 * write to it.
 * @throws MconsoleError TOO_LONG, SEND, TIMEOUT, GONE, MALFORMED, ABORTED
 */
export async function request(
  socketPath: string,
  command: string | Uint8Array,
  { timeout = defaultTimeout(command), signal, descriptor }: RequestOptions = {},
): Promise<MconsoleReply> {
  const datagram = encodeRequest(command);
  const fd = openSocket(socketPath);
  try {
    await sendRequest(fd, socketPath, datagram, { timeout, signal, descriptor });
    return await new Reception(fd, socketPath, timeout).reply(signal);
  } finally {
    closeFd(fd);
  }
}

function defaultTimeout(command: string | Uint8Array): number {
  return ENDING_COMMANDS.test(Buffer.from(command).toString('latin1', 0, 8)) ? ENDING_TIMEOUT : DEFAULT_TIMEOUT;
}

/** A socket that is connected, which keeps strangers' datagrams out, and bound, so that the answer finds it. */
function openSocket(socketPath: string): number {
  const fd = unixSocket('dgram');
  try {
    withPathAddress(socketPath, (address) => connect(fd, address));
    bindClient(fd);
    return fd;
  } catch (error) {
    closeFd(fd);
    throw sendError(socketPath, error);
  }
}

/** Sends it, waiting while the console's queue is full: eleven others are before it. */
async function sendRequest(
  fd: number,
  socketPath: string,
  datagram: Uint8Array,
  { timeout, signal, descriptor }: RequestOptions & { timeout: number },
): Promise<void> {
  const deadline = Date.now() + timeout;
  for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    if (signal?.aborted) throw aborted(socketPath);
    try {
      const sent = descriptor === undefined ? send(fd, datagram) : sendWithDescriptor(fd, datagram, descriptor);
      if (sent !== undefined) return;
    } catch (error) {
      throw sendError(socketPath, error);
    }
    const left = deadline - Date.now();
    if (left <= 0) throw new MconsoleError('TIMEOUT', `'${socketPath}' does not take requests`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, left)));
  }
}

function aborted(socketPath: string): MconsoleError {
  return new MconsoleError('ABORTED', `the request to '${socketPath}' was given up`);
}

function sendError(socketPath: string, error: unknown): MconsoleError {
  return new MconsoleError('SEND', `Sending command to '${socketPath}' : ${errorText(error)}`, { cause: error });
}

let sockets = 0;

/** Binds the C client's address: abstract, the pid with width 5, NULs to the end (spec 2). Later sockets get a number behind the pid. */
function bindClient(fd: number): void {
  for (;;) {
    const pid = String(process.pid).padStart(5);
    const name = sockets++ === 0 ? pid : `${pid}.${sockets}`;
    try {
      bind(fd, abstractAddress(name));
      return;
    } catch (error) {
      if (!hasCode(error, 'EADDRINUSE')) throw error; // in use: a process of another pid name space with this pid
    }
  }
}

function abstractAddress(name: string): UnixAddress {
  const path = Buffer.alloc(SOCKADDR_UN_SIZE - 2);
  path.write(name, 1);
  return rawAddress(path);
}

/** Collects the parts of one reply, as fast as it can. */
class Reception {
  private readonly fd: number;
  private readonly socketPath: string;
  private readonly timeout: number;
  private readonly buffer = Buffer.alloc(MAX_DATAGRAM);
  private readonly parts: ReplyPart[] = [];
  private complete = false;
  private lastHeard = Date.now();

  constructor(fd: number, socketPath: string, timeout: number) {
    this.fd = fd;
    this.socketPath = socketPath;
    this.timeout = timeout;
  }

  async reply(signal: AbortSignal | undefined): Promise<MconsoleReply> {
    this.spin();
    if (!this.complete) await this.wait(signal);
    const bytes = Buffer.concat(this.parts.map((part) => part.data));
    return {
      err: this.parts[0]?.err ?? 0,
      text: bytes.toString(),
      bytes,
      parts: this.parts.length,
      truncated: !this.complete,
    };
  }

  /** Waits for the rest; it also returns, with the reply incomplete, when the rest of one that has begun is lost. */
  private wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let watcher: Watcher | undefined;
      let timer: NodeJS.Timeout | undefined;
      const attempt = (step: () => boolean) => {
        try {
          if (!step()) return;
          resolve();
        } catch (error) {
          reject(error);
        }
        watcher?.close();
        clearInterval(timer);
        signal?.removeEventListener('abort', abort);
      };
      const abort = () =>
        attempt(() => {
          throw aborted(this.socketPath);
        });
      watcher = watch(this.fd, { readable: () => attempt(() => this.spin()) });
      timer = setInterval(() => attempt(() => this.hasEnded()), Math.min(PROBE_INTERVAL, this.timeout));
      signal?.addEventListener('abort', abort);
      if (signal?.aborted) abort();
    });
  }

  /** Reads all that is there and what comes within the next moment. Whether the reply is complete. */
  private spin(): boolean {
    let until = performance.now() + SPIN;
    while (!this.complete) {
      if (this.receivePart()) until = performance.now() + SPIN;
      else if (performance.now() > until) break;
    }
    return this.complete;
  }

  private receivePart(): boolean {
    const datagram = receive(this.fd, this.buffer);
    if (!datagram) return false;
    if (datagram.length > this.buffer.length) {
      throw new MconsoleError('MALFORMED', `'${this.socketPath}' sent a datagram of ${datagram.length} bytes`);
    }
    const part = decodePart(this.buffer.subarray(0, datagram.length));
    this.parts.push({ ...part, data: Buffer.from(part.data) });
    this.complete = !part.more;
    this.lastHeard = Date.now();
    return true;
  }

  /** Whether there is nothing more to wait for; an error if nothing came at all. */
  private hasEnded(): boolean {
    if (this.spin()) return true;
    const silence = Date.now() - this.lastHeard;
    const begun = this.parts.length > 0;
    if (silence >= (begun ? Math.min(PART_TIMEOUT, this.timeout) : this.timeout)) {
      if (begun) return true;
      throw new MconsoleError('TIMEOUT', `'${this.socketPath}' did not answer within ${this.timeout / 1000} seconds`);
    }
    if (this.peerIsThere()) return false;
    if (this.spin() || begun) return true; // what it sent before it ended
    throw new MconsoleError('GONE', `'${this.socketPath}' was closed before it answered`);
  }

  private peerIsThere(): boolean {
    const probe = unixSocket('dgram');
    try {
      withPathAddress(this.socketPath, (address) => connect(probe, address));
      return true;
    } catch (error) {
      return !hasCode(error, 'ECONNREFUSED', 'ENOENT');
    } finally {
      closeFd(probe);
    }
  }
}
