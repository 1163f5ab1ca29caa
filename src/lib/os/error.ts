import { constants } from 'node:os';
import { lastErrno, libc } from './libc.ts';

// Two names share a number here and there; EAGAIN is the one that Node itself uses.
const NAMES = new Map<number, string>(Object.entries(constants.errno).map(([name, value]) => [value, name]));
NAMES.set(constants.errno.EAGAIN, 'EAGAIN');

/** A system call that failed. `code` is the errno's name, `syscall` the call, `path` the file where one was named. */
export class OsError extends Error {
  override readonly name = 'OsError';
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string | undefined;

  constructor(syscall: string, errno: number, path?: string) {
    super(`${syscall}${path === undefined ? '' : ` '${path}'`}: ${strerror(errno)}`);
    this.code = NAMES.get(errno) ?? `E${errno}`;
    this.errno = errno;
    this.syscall = syscall;
    this.path = path;
  }
}

/** The text of the C library for an errno, e.g. `No such file or directory`. Node's own texts differ. */
export function strerror(errno: number): string {
  return libc.strerror(Math.abs(errno));
}

/** The C library's text for an error that Node or this library threw; the error's message where it has no errno. */
export function errorText(error: unknown): string {
  const errno = errnoOf(error);
  if (errno !== undefined) return strerror(errno);
  return error instanceof Error ? error.message : String(error);
}

/** The positive errno of an error that Node or this library threw, if it has one. */
export function errnoOf(error: unknown): number | undefined {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') return Math.abs(error.errno);
  return undefined;
}

/** Whether an error has one of these codes, e.g. `hasCode(error, 'ENOENT')`. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(error.code as string);
}

/** A C call's result, or OsError when it is negative. EINTR never shows: Node installs its handlers with SA_RESTART. */
export function check(syscall: string, result: number, path?: string): number {
  if (result < 0) throw new OsError(syscall, lastErrno(), path);
  return result;
}

/** A C call's result, or undefined when it would have blocked. */
export function checkBlocking(syscall: string, result: number): number | undefined {
  if (result >= 0) return result;
  const errno = lastErrno();
  if (errno === constants.errno.EAGAIN) return undefined;
  throw new OsError(syscall, errno);
}
