export type TtyLogErrorCode =
  /** Bytes that are no record. */
  | 'MALFORMED'
  /** The log ends in the middle of a record: it was cut, or is just being written. */
  | 'TRUNCATED'
  /** The log became shorter while it was followed. */
  | 'SHRUNK';

/** A tty log that can't be read on. */
export class TtyLogError extends Error {
  override readonly name = 'TtyLogError';
  readonly code: TtyLogErrorCode;
  /** Where the record begins, in bytes from the start of the log. */
  readonly offset: number;

  constructor(code: TtyLogErrorCode, offset: number, message: string) {
    super(message);
    this.code = code;
    this.offset = offset;
  }
}
