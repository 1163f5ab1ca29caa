import {
  bind,
  closeFd,
  hasCode,
  listen,
  SOCKADDR_UN_SIZE,
  setSendBuffer,
  setStatusFlags,
  socketAddress,
  statusFlags,
  type UnixAddress,
  unixSocket,
} from '../../os/index.ts';
import { type SocketTrouble, SwitchError } from '../error.ts';
import { dataAddress } from '../protocol.ts';
import { type BoundSocket, bindPath, type SocketAccess, unlinkBound } from './sockets.ts';

const BACKLOG = 15;
const O_NONBLOCK = 0o4000;
/**
 * Frames in the receivers' queues count against the sender's buffer: with the default one, a few clients that do not
 * read would keep the switch from sending to all others. In bytes; without CAP_NET_ADMIN the kernel grants 0.4 MiB.
 */
const SEND_BUFFER = 32 * 1024 * 1024;

/** The sockets that clients of the daemon protocol know. */
export interface SwitchSockets {
  control: BoundSocket;
  /** The data socket's file, if it has one. */
  data: BoundSocket | undefined;
  /** Blocking. */
  dataFd: number;
}

/**
 * Makes the control socket, to which clients can connect then, and the data socket.
 * @throws SwitchError SOCKETS; nothing is left behind then
 */
export function openSockets(
  controlPath: string,
  dataPath: string | undefined,
  access: SocketAccess | undefined,
): SwitchSockets {
  const control = bindPath('stream', controlPath, access);
  const data = dataPath === undefined ? undefined : bindPath('dgram', dataPath, access);
  if (isTrouble(control) || isTrouble(data)) {
    for (const each of [control, data]) {
      if (each === undefined || isTrouble(each)) continue;
      unlinkBound(each);
      closeFd(each.fd);
    }
    throw new SwitchError({
      code: 'SOCKETS',
      control: isTrouble(control) ? control : undefined,
      data: isTrouble(data) ? data : undefined,
    });
  }
  listen(control.fd, BACKLOG);
  const dataFd = data?.fd ?? abstractSocket();
  setStatusFlags(dataFd, statusFlags(dataFd) & ~O_NONBLOCK); // the frames' thread sleeps in it
  setSendBuffer(dataFd, SEND_BUFFER);
  return { control, data, dataFd };
}

function isTrouble(outcome: BoundSocket | SocketTrouble | undefined): outcome is SocketTrouble {
  return outcome !== undefined && 'reason' in outcome;
}

function abstractSocket(): number {
  const fd = unixSocket('dgram');
  bindAbstract(fd);
  return fd;
}

/** Gives a data socket a name of our own: the pid, and the first count from the clock's microseconds on that is free. */
export function bindAbstract(fd: number): void {
  for (let usecs = Math.trunc(performance.now() * 1000) % 1_000_000; ; usecs++) {
    try {
      bind(fd, dataAddress(process.pid, usecs));
      return;
    } catch (error) {
      if (!hasCode(error, 'EADDRINUSE')) throw error;
    }
  }
}

/** The address of a data socket: all 110 bytes, as clients of the protocol expect them. */
export function wholeAddress(dataFd: number): UnixAddress {
  const whole = Buffer.alloc(SOCKADDR_UN_SIZE);
  whole.set(socketAddress(dataFd));
  return whole;
}
