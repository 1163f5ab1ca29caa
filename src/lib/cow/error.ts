import { constants } from 'node:os';
import { errnoOf, errorText } from '../os/index.ts';
import { type ErrorDetails, errorMessage } from './texts.ts';

/**
 * What went wrong, for programs:
 * `system` a system call failed; `locked` another user holds the file (`pid`); `not-a-disk` neither a regular file nor
 * a block device; `not-cow` no magic word; `header-short`, `header-version`, `header-field` an unusable header;
 * `truncated` the file ends before what its header or bitmap promises; `no-bitmap-room` an old layout can't record its
 * last sectors; `size-mismatch`, `mtime-mismatch` the backing file is not the one that the header describes;
 * `name-too-long` a backing file's name does not fit; `same-file` two roles for one file; `target-small` a device is
 * smaller than the image; `target-size` an image has another size than its backing file; `cow-backing` a backing file is a
 * COW file itself; `merge-begun` an in-place merge is to be finished first; `unproven` nothing shows that a backing file is
 * the right one; `not-movable` a backing file is no regular file; `read-only`, `closed`, `out-of-range` a wrong use of a disk.
 */
export type CowErrorCode =
  | 'system'
  | 'locked'
  | 'not-a-disk'
  | 'not-cow'
  | 'header-short'
  | 'header-version'
  | 'header-field'
  | 'truncated'
  | 'no-bitmap-room'
  | 'size-mismatch'
  | 'mtime-mismatch'
  | 'name-too-long'
  | 'same-file'
  | 'target-small'
  | 'target-size'
  | 'cow-backing'
  | 'merge-begun'
  | 'unproven'
  | 'not-movable'
  | 'read-only'
  | 'closed'
  | 'out-of-range';

const { EINVAL, EAGAIN, EROFS, EBADF, EIO, EEXIST, ENOSPC, ENAMETOOLONG } = constants.errno;

const ERRNO: Partial<Record<CowErrorCode, number>> = {
  locked: EAGAIN,
  truncated: EIO,
  'read-only': EROFS,
  closed: EBADF,
  'same-file': EEXIST,
  'target-small': ENOSPC,
  'name-too-long': ENAMETOOLONG,
};

/** A disk, COW file or merge that can't be used. */
export class CowError extends Error {
  override readonly name = 'CowError';
  readonly code: CowErrorCode;
  /** The file that it is about; empty where there is none. */
  readonly path: string;
  /** The positive errno that UML would have given, for its `errno = N` messages. */
  readonly errno: number;
  /** The numbers behind the message, by name, e.g. `pid`, `expected`, `actual`, `field`. */
  readonly details: ErrorDetails;

  constructor(code: CowErrorCode, path: string, details: ErrorDetails = {}, cause?: unknown) {
    super(errorMessage(code, path, details), { cause });
    this.code = code;
    this.path = path;
    this.errno = (cause === undefined ? undefined : errnoOf(cause)) ?? ERRNO[code] ?? EINVAL;
    this.details = details;
  }
}

/** Wraps what a system call threw; a CowError passes through, what is no error of the system is thrown on. */
export function systemError(error: unknown, path: string): CowError {
  if (error instanceof CowError) return error;
  if (errnoOf(error) === undefined) throw error;
  return new CowError('system', path, { text: errorText(error) }, error);
}

/** Runs synchronous file work, so that whatever it throws is a CowError about `path`. */
export function about<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw systemError(error, path);
  }
}
