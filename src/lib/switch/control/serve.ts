import { closeFd, errnoOf, readFd, send, type UnixAddress, type Watcher, watch } from '../../os/index.ts';
import type { SwitchEvent } from '../events.ts';
import { parseRequest, REQUEST_SIZE, type Request } from '../protocol.ts';
import { acceptConnections } from './acceptor.ts';
import { type Door, openVdeDoor, type VdeDoors } from './doors.ts';
import type { Ports } from './ports.ts';

/** More than any request. */
const READ_SIZE = 256;

export interface ControlOptions {
  /** The listening socket, non-blocking. */
  fd: number;
  /** What clients of versions 1 and 3 are answered: the address of the data socket, 110 bytes. */
  dataAddress: UnixAddress;
  /** Where clients of vde_switch find their data sockets; without it these have abstract names. */
  vdeDoors?: VdeDoors;
  ports: Ports;
  onEvent: (event: SwitchEvent) => void;
}

/**
 * Serves the control socket: each connection asks for a port and keeps it as long as it lasts (spec 8.3).
 * @returns a function that closes all connections and stops listening; the socket stays the caller's
 */
export function serveControl(options: ControlOptions): () => void {
  const { fd, ports, onEvent } = options;
  const connections = new Set<Connection>();
  const stop = acceptConnections(fd, ports, onEvent, (client, port) => {
    connections.add(new Connection(client, port, options, (connection) => connections.delete(connection)));
  });
  return () => {
    stop();
    for (const connection of connections) connection.close();
  };
}

class Connection {
  readonly #fd: number;
  readonly #port: number;
  readonly #options: ControlOptions;
  readonly #onClosed: (connection: Connection) => void;
  readonly #watcher: Watcher;
  readonly #buffer = Buffer.alloc(READ_SIZE);
  /** Bytes of the request that came so far, and how many there may be. */
  #length = 0;
  #room = REQUEST_SIZE;
  /** A joining client is known to the frames' thread soon, a joined one is. */
  #state: 'asking' | 'joining' | 'joined' | 'closed' = 'asking';

  constructor(fd: number, port: number, options: ControlOptions, onClosed: (connection: Connection) => void) {
    this.#fd = fd;
    this.#port = port;
    this.#options = options;
    this.#onClosed = onClosed;
    this.#watcher = watch(fd, { readable: () => this.#read() });
  }

  #read(): void {
    let n: number | undefined;
    try {
      n = readFd(this.#fd, this.#buffer.subarray(this.#length));
    } catch (error) {
      this.#fail('read', error);
    }
    if (n === undefined) return;
    this.#length += n;
    if (n === 0) this.#leave({ event: this.#state === 'asking' ? 'gave-up' : 'disconnected', port: this.#port });
    else if (this.#state === 'asking') this.#decide(parseRequest(this.#buffer.subarray(0, this.#length)));
    else this.#checkSilence();
  }

  #decide(request: Request): void {
    const port = this.#port;
    if (request.kind === 'type') this.#leave({ event: 'bad-type', port, type: request.type });
    else if (request.kind === 'version') this.#leave({ event: 'bad-version', port, version: request.version });
    else if (request.kind === 'port') {
      if (request.description !== undefined) this.#room = this.#length;
      void this.#join(request);
    }
  }

  async #join(request: Extract<Request, { kind: 'port' }>): Promise<void> {
    const { ports, onEvent } = this.#options;
    const door = this.#openDoor(request);
    if (!door) return;
    this.#state = 'joining';
    this.#watcher.set({});
    // Answered only when its frames are known: what it sends next is not a stranger's.
    await ports.add(this.#port, door.kind, request.description ?? '', door.link, () => {
      this.close();
      door.close();
    });
    if (this.#isClosed()) return;
    this.#state = 'joined';
    onEvent({ event: 'connected', port: this.#port });
    try {
      if (request.version !== 0) send(this.#fd, door.address);
    } catch (error) {
      this.#fail('reply', error);
    }
    if (this.#isClosed()) return;
    this.#watcher.set({ readable: () => this.#read() });
    this.#checkSilence();
  }

  #openDoor({ address, description }: Extract<Request, { kind: 'port' }>): Door | undefined {
    const { dataAddress, vdeDoors } = this.#options;
    if (description === undefined) {
      return { kind: 'client', link: { kind: 'client', address }, address: dataAddress, close: () => {} };
    }
    try {
      return vdeDoors?.open(this.#port, address) ?? openVdeDoor(address);
    } catch (error) {
      this.#fail('connect', error);
      return undefined;
    }
  }

  /** A client has nothing to say after its request, but for padding up to the size of a request. */
  #checkSilence(): void {
    if (this.#length > this.#room) this.#leave({ event: 'bad-request', port: this.#port });
  }

  #fail(step: 'read' | 'connect' | 'reply', error: unknown): void {
    const registered = this.#state === 'joined';
    this.#leave({ event: 'connection-failed', port: this.#port, step, errno: errnoOf(error) ?? 0, registered });
  }

  #leave(event: SwitchEvent): void {
    this.close();
    this.#options.onEvent(event);
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  close(): void {
    if (this.#isClosed()) return;
    const isPort = this.#state !== 'asking';
    this.#state = 'closed';
    this.#watcher.close();
    closeFd(this.#fd);
    if (isPort) this.#options.ports.remove(this.#port);
    else this.#options.ports.release(this.#port);
    this.#onClosed(this);
  }
}
