import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { check, OsError } from './error.ts';
import { lastErrno, libc } from './libc.ts';

const F_SETFD = 2;
const FD_CLOEXEC = 1;
const SIG_DFL = 0;
const SIG_IGN = 1;
const SIG_SETMASK = 2;
/** sizeof(sigset_t). */
const SIGNAL_SET_SIZE = 128;
const PR_SET_DUMPABLE = 4;

/** What Node ignores from its start: the next program would go on ignoring it. */
const IGNORED_BY_NODE = [constants.signals.SIGPIPE, constants.signals.SIGXFSZ];

/**
 * Replaces this process by another program, under the same pid (execve). Does not return.
 * @param keep the descriptors that the program gets; all others go, and with them every lock
 * @param environment default: this process's own
 * @throws OsError
 */
export function replaceProcess(
  file: string,
  argv: readonly string[],
  keep: readonly number[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): never {
  for (const fd of keep) libc.fcntlInt(fd, F_SETFD, 0); // Node marked them all to be closed on exec
  const variables = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${value}`,
  );
  for (const signal of IGNORED_BY_NODE) libc.signal(signal, SIG_DFL);
  const blocked = Buffer.alloc(SIGNAL_SET_SIZE); // by Node: SIGUSR1, where it is not to open a debugger
  libc.pthread_sigmask(SIG_SETMASK, Buffer.alloc(SIGNAL_SET_SIZE), blocked);
  libc.execve(file, [...argv, null], [...variables, null]);
  const errno = lastErrno();
  libc.pthread_sigmask(SIG_SETMASK, blocked, null);
  for (const signal of IGNORED_BY_NODE) libc.signal(signal, SIG_IGN);
  throw new OsError('execve', errno || constants.errno.EINVAL, file);
}

/** Marks every descriptor from 3 on to be closed on exec: Node does so at its start up to the first gap only. */
export function closeDescriptorsOnExec(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    if (Number(name) > 2) libc.fcntlInt(Number(name), F_SETFD, FD_CLOEXEC); // the listing's own is gone by now
  }
}

/** Makes the working directory the root directory of this process (chroot(2)); CAP_SYS_CHROOT is needed. */
export function chrootHere(): void {
  check('chroot', libc.chroot(Buffer.from('.\0')));
}

/** Makes the supplementary groups of this process those of a user, with its own group (initgroups(3)). */
export function takeGroups(user: string, gid: number): void {
  check('initgroups', libc.initgroups(Buffer.from(`${user}\0`), gid));
}

/** Keeps this process from leaving a core file, for a crash that is meant. */
export function leaveNoCore(): void {
  check('prctl', libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

/** Writes a byte to an address, wherever that is: outside of memory that is this process's, SIGSEGV ends it. */
export function pokeMemory(address: number, byte: number): void {
  libc.memset(address, byte, 1);
}
