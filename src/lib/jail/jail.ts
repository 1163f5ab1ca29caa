import {
  chrootHere,
  closeDescriptorsOnExec,
  errorText,
  hasCode,
  OsError,
  replaceProcess,
  takeGroups,
} from '../os/index.ts';
import { JailError } from './error.ts';
import type { Inmate } from './inmate.ts';

export interface JailOptions {
  directory: string;
  inmate: Inmate;
  /** The program, named as it is inside the jail, and its arguments. */
  command: readonly [string, ...string[]];
  environment: Readonly<Record<string, string>>;
  /** Descriptors that it gets beside the standard streams. */
  keep: readonly number[];
}

/**
 * Shuts this process up in a directory, makes it the inmate's for good, and replaces it by the command: no other
 * descriptor, variable or privilege comes along. Needs root. Does not return.
 * @throws OsError, errors of Node with `syscall`: `chdir`, `chroot`, `setgroups`, `initgroups`, `setgid`, `setuid`,
 * `execve`; JailError NO_PROC, STILL_PRIVILEGED. The process may be in the jail by then.
 */
export function jail({ directory, inmate, command, environment, keep }: JailOptions): never {
  keepFilesOut(); // /proc is still in sight
  process.chdir(directory);
  setGroups(inmate); // so are the users and groups of the host
  chrootHere();
  process.setgid?.(inmate.gid);
  process.setuid?.(inmate.uid);
  verify(inmate);
  replaceProcess(command[0], command, [0, 1, 2, ...keep], environment);
}

function keepFilesOut(): void {
  try {
    closeDescriptorsOnExec();
  } catch (error) {
    throw new JailError('NO_PROC', `/proc is needed, to tell which files are open: ${errorText(error)}`);
  }
}

function setGroups({ name, gid }: Inmate): void {
  if (name === undefined) process.setgroups?.([]);
  else takeGroups(name, gid);
}

/** Whether all went as the calls said: what is run next is to be kept in. */
function verify({ uid, gid }: Inmate): void {
  const ids = [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()];
  if (ids.join() !== [uid, uid, gid, gid].join()) {
    throw new JailError('STILL_PRIVILEGED', `this process is ${ids.join(':')}, not uid ${uid} and gid ${gid}`);
  }
  if (uid !== 0 && canBecomeRoot()) {
    throw new JailError('STILL_PRIVILEGED', 'this process could still become root');
  }
}

function canBecomeRoot(): boolean {
  try {
    process.setuid?.(0);
    return true;
  } catch (error) {
    if (hasCode(error, 'EPERM')) return false;
    throw error;
  }
}

/** The system call that failed, where an error is of one. */
export function failedCall(error: unknown): string | undefined {
  if (error instanceof OsError) return error.syscall;
  return error instanceof Error && 'syscall' in error ? String(error.syscall) : undefined;
}
