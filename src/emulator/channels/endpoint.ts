import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { duplicateFd, errorText, hasCode, statusFlags } from '../../lib/os/index.ts';
import { ChannelError } from './error.ts';
import { holdFlags } from './terminal.ts';

const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
const ACCESS_MODE = 3;

/** A descriptor for one direction of a channel, non-blocking unless it belongs to a file that never blocks. */
export interface Endpoint {
  readonly fd: number;
  /** Whether to wait for it on the event loop. Else it is a regular file or disk. */
  readonly pollable: boolean;
  /** Closes what was opened for it and puts back what was changed. */
  release(): void;
}

/**
 * An endpoint on the file behind an inherited descriptor. A terminal or pipe is opened anew through /proc, so that the
 * open file that the user's shell shares never becomes non-blocking; where it can't be (a socket, a terminal of another
 * user) the shared one is used and its flags are put back afterwards.
 * @returns undefined if the descriptor isn't open for this direction, or is a pipe that nobody reads
 * @throws ChannelError `open` if there is no such descriptor
 */
export function openEndpoint(fd: number, direction: 'read' | 'write'): Endpoint | undefined {
  const kind = inspect(fd);
  const access = kind.flags & ACCESS_MODE;
  if (access === (direction === 'read' ? O_WRONLY : O_RDONLY)) return undefined;
  if (kind.isFile) return { fd, pollable: false, release: () => {} };
  if (kind.isSocket) return borrow(fd);
  try {
    return own(openSync(`/proc/self/fd/${fd}`, (direction === 'read' ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY));
  } catch (error) {
    return hasCode(error, 'ENXIO') ? undefined : borrow(fd);
  }
}

/** An endpoint on a descriptor that is the channel's own. */
export function own(fd: number): Endpoint {
  return { fd, pollable: true, release: () => closeSync(fd) };
}

function borrow(shared: number): Endpoint {
  const restoreFlags = holdFlags(shared);
  const fd = duplicateFd(shared); // epoll takes each descriptor once, and both directions may be the same one
  return {
    fd,
    pollable: true,
    release() {
      restoreFlags();
      closeSync(fd);
    },
  };
}

function inspect(fd: number): { flags: number; isFile: boolean; isSocket: boolean } {
  try {
    const flags = statusFlags(fd);
    const stat = fstatSync(fd);
    // Node's own event descriptors stand where a user's would, had they been passed
    if (readlinkSync(`/proc/self/fd/${fd}`).startsWith('anon_inode:'))
      throw new ChannelError('open', badDescriptor(fd));
    return { flags, isFile: stat.isFile() || stat.isBlockDevice(), isSocket: stat.isSocket() };
  } catch (error) {
    if (error instanceof ChannelError) throw error;
    throw new ChannelError('open', hasCode(error, 'EBADF') ? badDescriptor(fd) : `fd:${fd} : ${errorText(error)}`);
  }
}

function badDescriptor(fd: number): string {
  return `fd:${fd} : Bad file descriptor`;
}
