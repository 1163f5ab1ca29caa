/**
 * What port-helper does for UML's `port:` and `xterm` channels (spec 11.2; arch/um/drivers/port_user.c, xterm.c): a
 * terminal that somebody else made, telnetd or a terminal emulator, is handed to the instance.
 */
import { constants } from 'node:os';
import {
  Arena,
  bind,
  closeFd,
  connect,
  hasCode,
  OsError,
  POLLFD,
  pollBatch,
  rawAddress,
  SOCKADDR_UN_SIZE,
  sendWithDescriptor,
  setStatusFlags,
  unixSocket,
  withPathAddress,
} from '../os/index.ts';

/** The descriptor under which UML leaves its socket to the helper that telnetd starts. */
export const INHERITED_SOCKET = 3;

/**
 * Connects to the socket that UML made for an `xterm` channel. Its descriptor.
 * @throws OsError of `socket`, `bind` or `connect`
 */
export function connectToUml(path: string): number {
  const fd = unixSocket('dgram');
  try {
    bindAsHelper(fd);
    withPathAddress(path, (address) => connect(fd, address));
    setStatusFlags(fd, 0); // blocking: the one message waits for its place in the queue
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** The C helper's address: abstract, the pid with width 5. Nobody answers to it, so one that is taken does no harm. */
function bindAsHelper(fd: number): void {
  const name = Buffer.alloc(SOCKADDR_UN_SIZE - 2);
  name.write(String(process.pid).padStart(5), 1);
  try {
    bind(fd, rawAddress(name));
  } catch (error) {
    if (!hasCode(error, 'EADDRINUSE')) throw error;
  }
}

/**
 * Hands a terminal to UML: this process's pid, which UML ends when it is done with the terminal, and the descriptor.
 * @throws OsError of `sendmsg`: ENOTSOCK and EBADF where there is no socket of UML's, EAGAIN where it takes no more
 */
export function handOver(socket: number, terminal: number): void {
  const pid = Buffer.alloc(4);
  pid.writeInt32LE(process.pid);
  if (sendWithDescriptor(socket, pid, terminal) === undefined) throw new OsError('sendmsg', constants.errno.EAGAIN);
}

/** POLLERR, POLLHUP, POLLNVAL, which poll(2) tells unasked. */
const GONE = 0x8 | 0x10 | 0x20;

/**
 * Blocks this process until the terminal is gone, at the latest: UML ends it by a signal. Input on the terminal, which
 * is UML's, does not wake it.
 */
export function holdUntilHangup(terminal: number): void {
  const arena = new Arena(64);
  const entry = arena.take(POLLFD.size);
  arena.u32[entry >> 2] = terminal;
  do {
    pollBatch(arena.address(entry), 1, -1); // also returns at a signal
  } while (((arena.u16[(entry >> 1) + 3] ?? 0) & GONE) === 0);
}
