export type UmlfsErrorCode =
  /** The instance's kernel has no UMLFS. */
  | 'UNKNOWN'
  /** It has, and refused. */
  | 'REFUSED'
  /** What is to be mounted at is no directory. */
  | 'MOUNT_POINT'
  /** There is no way to mount: not root, and no fusermount. */
  | 'NO_FUSERMOUNT'
  /** fusermount failed, after a line of its own on stderr. */
  | 'FUSERMOUNT_FAILED';

/** Why an instance's file system was not mounted. Nothing is left mounted. */
export class UmlfsError extends Error {
  override readonly name = 'UmlfsError';
  readonly code: UmlfsErrorCode;

  constructor(code: UmlfsErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
