import { constants } from 'node:os';
import { OsError } from './error.ts';
import { koffi } from './koffi.ts';
import { lastErrno, libc } from './libc.ts';

const F_SETFD = 2;

/**
 * Replaces this process by another program, under the same pid (execv). Does not return.
 * @param keep the descriptors that the program gets; all others go, and with them every lock
 * @throws OsError
 */
export function replaceProcess(file: string, argv: readonly string[], keep: readonly number[]): never {
  const execv = koffi().load('libc.so.6').func('int execv(const char *file, const char **argv)');
  for (const fd of keep) libc.fcntlInt(fd, F_SETFD, 0); // Node marked them all to be closed on exec
  execv(file, [...argv, null]);
  throw new OsError('execv', lastErrno() || constants.errno.EINVAL, file);
}
