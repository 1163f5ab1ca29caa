import {
  chmodSync,
  chownSync,
  closeSync,
  constants as fsConstants,
  lstatSync,
  openSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { bind, closeFd, connect, errnoOf, pathAddress, type UnixSocketType, unixSocket } from '../../os/index.ts';
import type { SocketTrouble } from '../error.ts';

const { EADDRINUSE, EAGAIN, ECONNREFUSED, ENOENT } = constants.errno;

/** A socket file that this process made. */
export interface BoundSocket {
  fd: number;
  /** As the user named it. */
  path: string;
  /** Where it is, whatever the working directory becomes. */
  absolute: string;
  inode: bigint;
}

/** Who may use a socket file. */
export interface SocketAccess {
  /** Permission bits; who may write may connect. */
  mode: number;
  gid?: number | undefined;
}

/** open(2)'s flag, which Node does not name: a socket can't be opened otherwise. */
const O_PATH = 0o10000000;

/**
 * Makes a socket with a name in the file system, taking the place of one that nobody listens on any more; a file that
 * is no socket stays.
 * @param access without it, the umask and the process's group decide
 * @returns the bound socket, or why there is none
 */
export function bindPath(type: UnixSocketType, path: string, access?: SocketAccess): BoundSocket | SocketTrouble {
  const fd = unixSocket(type);
  const trouble = access ? bindWithAccess(fd, type, path, access) : tryBind(fd, type, path);
  if (trouble) {
    closeFd(fd);
    return trouble;
  }
  const absolute = resolve(path);
  return { fd, path, absolute, inode: lstatSync(absolute, { bigint: true }).ino };
}

/** Nobody has access until all of it is granted: a data socket could be sent to as soon as it has a name. */
function bindWithAccess(
  fd: number,
  type: UnixSocketType,
  path: string,
  access: SocketAccess,
): SocketTrouble | undefined {
  const umask = process.umask(0o777);
  let trouble: SocketTrouble | undefined;
  try {
    trouble = tryBind(fd, type, path);
  } finally {
    process.umask(umask);
  }
  if (trouble) return trouble;
  const steps = grant(path, access);
  if (steps.length === 0) return undefined;
  unlinkSync(path);
  return { path, reason: 'stuck', steps };
}

/** By a descriptor of the file: nothing that is put in its place is meant. */
function grant(path: string, { mode, gid }: SocketAccess): SocketTrouble['steps'] {
  const file = openSync(path, O_PATH | fsConstants.O_NOFOLLOW);
  const name = `/proc/self/fd/${file}`;
  try {
    if (gid !== undefined) {
      const errno = errnoWhile(() => chownSync(name, process.geteuid?.() ?? 0, gid));
      if (errno !== undefined) return [{ call: 'chown', errno }];
    }
    const errno = errnoWhile(() => chmodSync(name, mode));
    return errno === undefined ? [] : [{ call: 'chmod', errno }];
  } finally {
    closeSync(file);
  }
}

function tryBind(fd: number, type: UnixSocketType, path: string): SocketTrouble | undefined {
  const errno = errnoWhile(() => bind(fd, pathAddress(path)));
  if (errno === undefined) return undefined;
  if (errno !== EADDRINUSE) return { path, reason: 'stuck', steps: [{ call: 'bind', errno }] };

  const probe = probeSocket(type === 'seqpacket' ? type : 'stream', path);
  if (probe === 'answers') return { path, reason: 'in-use', steps: [] };
  if (probe !== ECONNREFUSED) return { path, reason: 'in-use', steps: [{ call: 'connect', errno: probe }] };

  const steps: SocketTrouble['steps'] = [];
  const kept = removeStale(path);
  if (kept !== undefined) steps.push({ call: 'unlink', errno: kept });
  const again = errnoWhile(() => bind(fd, pathAddress(path)));
  if (again === undefined) return undefined;
  steps.push({ call: 'bind', errno: again });
  return { path, reason: 'stuck', steps };
}

/** Whether somebody serves this name: yes, or the errno of the attempt. A full backlog is an answer. */
function probeSocket(type: UnixSocketType, path: string): 'answers' | number {
  const fd = unixSocket(type);
  try {
    const errno = errnoWhile(() => connect(fd, pathAddress(path)));
    return errno === undefined || errno === EAGAIN ? 'answers' : errno;
  } finally {
    closeFd(fd);
  }
}

/** Removes a dead socket. The errno that kept it; 'not-socket' for a file that is none, which connect() calls dead too. */
function removeStale(path: string): number | 'not-socket' | undefined {
  let stats: Stats | undefined;
  const errno = errnoWhile(() => {
    stats = lstatSync(path);
    if (stats.isSocket() || stats.isDirectory()) unlinkSync(path); // of a directory, for its errno
  });
  if (errno !== undefined) return errno === ENOENT ? undefined : errno;
  return stats?.isSocket() ? undefined : 'not-socket';
}

/**
 * Removes a socket's file, unless another program has put its own there.
 * @returns the errno that kept it
 */
export function unlinkBound({ absolute, inode }: BoundSocket): number | undefined {
  return errnoWhile(() => {
    if (lstatSync(absolute, { bigint: true }).ino === inode) unlinkSync(absolute);
  });
}

function errnoWhile(action: () => void): number | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return errno;
  }
}
