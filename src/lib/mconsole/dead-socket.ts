import { lstatSync, unlinkSync } from 'node:fs';
import { closeFd, connect, hasCode, unixSocket, withPathAddress } from '../os/index.ts';
import { MconsoleError } from './error.ts';

/**
 * Removes the socket that a dead server left at a path, so that the path can be bound again. Anything else there, a
 * file or a live server's socket, stays.
 * @throws MconsoleError IN_USE, NOT_A_SOCKET
 */
export function removeDeadSocket(path: string): void {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isSocket()) throw new MconsoleError('NOT_A_SOCKET', `'${path}' is there and is no socket`);
  const fd = unixSocket('dgram');
  try {
    withPathAddress(path, (address) => connect(fd, address));
  } catch (error) {
    if (!hasCode(error, 'ECONNREFUSED')) throw error;
    unlinkSync(path);
    return;
  } finally {
    closeFd(fd);
  }
  throw new MconsoleError('IN_USE', `another process serves '${path}'`);
}
