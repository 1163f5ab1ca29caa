export type JailErrorCode =
  /** No user has this name, and it is no uid either. */
  | 'NO_USER'
  /** Which files are open can't be told, so they can't be kept out. */
  | 'NO_PROC'
  /** A call that takes privileges away reported success, and they are still there. */
  | 'STILL_PRIVILEGED';

/** What stands between a command and its jail, beside the system calls that failed (OsError, errors of Node). */
export class JailError extends Error {
  override readonly name = 'JailError';
  readonly code: JailErrorCode;

  constructor(code: JailErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
