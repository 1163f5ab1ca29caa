export type MconsoleErrorCode =
  /** A command that does not fit in a request. */
  | 'TOO_LONG'
  /** The other side sent something that is no message of the protocol. */
  | 'MALFORMED'
  /** The request could not be sent; `cause` is the system's error. */
  | 'SEND'
  /** Nothing came back in time. */
  | 'TIMEOUT'
  /** The instance ended, or closed its console, before it answered. */
  | 'GONE'
  /** The caller gave the request up. */
  | 'ABORTED'
  /** The end of an answer was lost on the way. */
  | 'TRUNCATED'
  /** A live server has the path already. */
  | 'IN_USE'
  /** Something other than a socket is at the path. */
  | 'NOT_A_SOCKET';

/** A failure of the management console's transport. A refused command is none: that is a reply. */
export class MconsoleError extends Error {
  override readonly name = 'MconsoleError';
  readonly code: MconsoleErrorCode;

  constructor(code: MconsoleErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
