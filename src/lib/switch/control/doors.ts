import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { closeFd, connect, OsError, type UnixAddress, unixSocket } from '../../os/index.ts';
import type { LinkSpec } from '../links/index.ts';
import { bindAbstract, wholeAddress } from './open-sockets.ts';
import { type BoundSocket, bindPath, type SocketAccess, unlinkBound } from './sockets.ts';

/** Where the frames of a client go in and out. */
export interface Door {
  kind: 'client' | 'vde';
  link: LinkSpec;
  /** What the client is told: 110 bytes. */
  address: UnixAddress;
  close: () => void;
}

/**
 * A data socket for one client of vde_switch, with an abstract name. Such a client removes the name of its own socket as
 * soon as it has an answer, so that only a socket that is connected to it by then reaches it; and it connects its own,
 * whose queue the kernel then does not limit: on a socket for all, one that stands still would take up the send buffer
 * of everybody.
 * @throws OsError if the client's socket is not there
 */
export function openVdeDoor(client: UnixAddress): Door {
  const fd = unixSocket('dgram');
  bindAbstract(fd);
  return connectDoor(fd, client, () => closeFd(fd));
}

/** `fd` has its name; it is closed by `close`, also if there is no client to connect it to. */
function connectDoor(fd: number, client: UnixAddress, close: () => void): Door {
  try {
    connect(fd, client);
  } catch (error) {
    close();
    throw error;
  }
  return { kind: 'vde', link: { kind: 'packet', port: 'vde', fd, type: 'dgram' }, address: wholeAddress(fd), close };
}

/** Such data sockets with names in a directory, as vde_switch has them: clients of other network namespaces reach them. */
export class VdeDoors {
  readonly #directory: string;
  readonly #access: SocketAccess | undefined;
  readonly #sockets = new Set<BoundSocket>();

  /** Without `access` the umask decides who may connect. */
  constructor(directory: string, access: SocketAccess | undefined) {
    this.#directory = resolve(directory);
    this.#access = access;
  }

  /** @throws OsError if there can be no socket, or the client's is not there */
  open(port: number, client: UnixAddress): Door {
    // As vde_switch names them: the port, and a number of its own.
    const path = join(this.#directory, `${String(port).padStart(3, '0')}.${process.pid}`);
    const socket = bindPath('dgram', path, this.#access);
    if ('reason' in socket) {
      const { call, errno } = socket.steps.at(-1) ?? { call: 'bind', errno: constants.errno.EADDRINUSE };
      throw new OsError(call, errno === 'not-socket' ? constants.errno.ENOTSOCK : errno, path);
    }
    this.#sockets.add(socket);
    return connectDoor(socket.fd, client, () => this.#close(socket));
  }

  #close(socket: BoundSocket): void {
    this.#sockets.delete(socket);
    unlinkBound(socket);
    closeFd(socket.fd);
  }

  /** Removes the names that are left; the sockets stay. */
  removeNames(): void {
    for (const socket of this.#sockets) unlinkBound(socket);
  }
}
