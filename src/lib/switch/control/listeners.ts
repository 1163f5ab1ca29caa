/** Sockets that others connect to for a port, beside the control socket of the daemon protocol. */
import { chmodSync, chownSync, mkdirSync, rmdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { closeFd, errnoOf, hasCode, listen, type UnixAddress } from '../../os/index.ts';
import { type ListenKind, type SocketTrouble, SwitchError } from '../error.ts';
import type { SwitchEvent } from '../events.ts';
import { serveBess } from './bess.ts';
import { VdeDoors } from './doors.ts';
import type { Ports } from './ports.ts';
import { serveControl } from './serve.ts';
import { type BoundSocket, bindPath, type SocketAccess, unlinkBound } from './sockets.ts';

const BACKLOG = 15;

export interface ListenerContext {
  ports: Ports;
  /** The address of the data socket that clients of the daemon protocol share, 110 bytes. */
  dataAddress: UnixAddress;
  onEvent: (event: SwitchEvent) => void;
}

export interface Listener {
  readonly kind: 'bess' | 'vde';
  readonly socket: BoundSocket;
  /** The directory that the socket is in and that was made for it. */
  readonly directory: string | undefined;
  /**
   * Begins to accept.
   * @returns a function that ends it; ports without a control connection stay
   */
  serve(context: ListenerContext): () => void;
  /** Closes the socket; its file stays. */
  close(): void;
  /** Removes its file, and its directory if it was made for it. @returns the errno that kept the file */
  remove(): number | undefined;
}

/**
 * Listens for BESS clients: AF_UNIX, SOCK_SEQPACKET, one frame a packet; UML's `vec0:transport=bess,dst=PATH`.
 * @throws SwitchError LISTEN
 */
export function listenBess(path: string, access?: SocketAccess): Listener {
  const socket = listenAt('bess', 'seqpacket', path, access);
  return {
    ...ending(socket, undefined),
    kind: 'bess',
    serve: ({ ports, onEvent }) => serveBess(socket.fd, ports, onEvent),
  };
}

/**
 * Listens as vde_switch does: on the socket `ctl` in a directory, which is made if it is not there (0700).
 * @throws SwitchError LISTEN
 */
export function listenVde(path: string, access?: SocketAccess): Listener {
  const made = makeDirectory(path, access);
  try {
    const socket = listenAt('vde', 'stream', join(path, 'ctl'), access);
    const vdeDoors = new VdeDoors(path, access);
    const end = ending(socket, made);
    return {
      ...end,
      kind: 'vde',
      serve: (context) => serveControl({ ...context, vdeDoors, fd: socket.fd }),
      remove() {
        vdeDoors.removeNames();
        return end.remove();
      },
    };
  } catch (error) {
    if (made !== undefined) removeDirectory(made);
    throw error;
  }
}

/**
 * A socket that can be connected to; whoever does waits until it is served.
 * @throws SwitchError LISTEN
 */
export function listenAt(
  kind: ListenKind,
  type: 'stream' | 'seqpacket',
  path: string,
  access: SocketAccess | undefined,
): BoundSocket {
  const socket = bindPath(type, path, access);
  if ('reason' in socket) throw new SwitchError({ code: 'LISTEN', kind, trouble: socket });
  listen(socket.fd, BACKLOG);
  return socket;
}

function ending(
  socket: BoundSocket,
  directory: string | undefined,
): Pick<Listener, 'socket' | 'directory' | 'close' | 'remove'> {
  return {
    socket,
    directory,
    close: () => closeFd(socket.fd),
    remove() {
      const errno = unlinkBound(socket);
      if (directory !== undefined) removeDirectory(directory);
      return errno;
    },
  };
}

/** @returns where the directory is if it was made; undefined if it was there. */
function makeDirectory(path: string, access: SocketAccess | undefined): string | undefined {
  try {
    mkdirSync(path, { mode: 0o700 });
    if (access?.gid !== undefined) chownSync(path, process.geteuid?.() ?? 0, access.gid);
    if (access) chmodSync(path, 0o700 | searchable(access.mode));
    return resolve(path);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return undefined;
    const steps: SocketTrouble['steps'] = [{ call: 'mkdir', errno: errnoOf(error) ?? 0 }];
    throw new SwitchError({ code: 'LISTEN', kind: 'vde', trouble: { path, reason: 'stuck', steps } });
  }
}

/** A directory's mode for those who may connect to the socket in it. */
function searchable(mode: number): number {
  return mode | ((mode & 0o222) >> 1) | ((mode & 0o444) >> 2);
}

/** A directory that somebody else has put something into stays. */
function removeDirectory(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // ENOTEMPTY: clients of vde_switch bind their data sockets there
  }
}
