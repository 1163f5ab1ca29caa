import { errnoOf, errorText } from '../os/index.ts';
import { type ErrorDetails, errorMessage } from './texts.ts';

/**
 * What went wrong, for programs:
 * `system` a system call failed; `superblock-field` a line of the superblock is missing or no number (`field`);
 * `superblock-full` it uses more than it has; `superblock-version`, `superblock-format` a version or metadata format that
 * nobody knows; `superblock-line` a line that the kernel does
 * not know; `metadata-field` a metadata file that says nothing sensible (`field`); `no-metadata` there is nothing to
 * restore from; `changed` the data was changed meanwhile; `too-small` the files take more than the size asked for (`used`,
 * `total`); `mounted` another file system is mounted in the tree; `not-permitted` only root can change that owner;
 * `busy` another process converts the same tree; `not-empty` what stands for a device holds data; `wrong-type` metadata and data
 * don't fit each other; `orphan` metadata of what is not there; `interrupted` the caller's signal stopped the work.
 */
export type HumfsErrorCode =
  | 'system'
  | 'superblock-field'
  | 'superblock-full'
  | 'superblock-version'
  | 'superblock-format'
  | 'superblock-line'
  | 'metadata-field'
  | 'no-metadata'
  | 'changed'
  | 'too-small'
  | 'mounted'
  | 'not-permitted'
  | 'busy'
  | 'not-empty'
  | 'wrong-type'
  | 'orphan'
  | 'interrupted';

/** A humfs tree that can't be read, made or undone. */
export class HumfsError extends Error {
  override readonly name = 'HumfsError';
  readonly code: HumfsErrorCode;
  /** The file that it is about, from the directory that holds `data`, as a byte string (latin1); empty where there is none. */
  readonly path: string;
  /** The numbers behind the message, by name. */
  readonly details: ErrorDetails;

  constructor(code: HumfsErrorCode, path: string, details: ErrorDetails = {}, cause?: unknown) {
    super(errorMessage(code, path, details), { cause });
    this.code = code;
    this.path = path;
    this.details = details;
  }
}

/**
 * Runs work on an object, so that what the system refuses is a HumfsError about `path`.
 * @param call what was attempted, as a user calls it: `chown`, `mkdir`
 */
export function about<T>(path: string, call: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof HumfsError || errnoOf(error) === undefined) throw error;
    throw new HumfsError('system', path, { call, text: errorText(error) }, error);
  }
}
