export type UmidErrorCode =
  /** `~` is in the base and HOME is not set. */
  | 'NO_HOME'
  /** The base directory can't be made. */
  | 'BASE'
  /** `uml_dir=` without a value: the default is used. A warning. */
  | 'EMPTY_BASE'
  /** A live instance has the name; `pid` says which. */
  | 'IN_USE'
  /** The name asked for could not be had, a random one is used. A warning. */
  | 'RANDOM'
  /** The directory can't be made, cleared or written. */
  | 'DIRECTORY'
  /** No socket of that name or path; `tried` says where. */
  | 'NOT_FOUND';

/** Something about umid directories; the messages are UML's own (spec 5) where it has one. */
export class UmidError extends Error {
  override readonly name = 'UmidError';
  readonly code: UmidErrorCode;
  readonly umid: string | undefined;
  readonly pid: number | undefined;
  readonly tried: readonly string[];

  constructor(code: UmidErrorCode, message: string, fields: { umid?: string; pid?: number; tried?: string[] } = {}) {
    super(message);
    this.code = code;
    this.umid = fields.umid;
    this.pid = fields.pid;
    this.tried = fields.tried ?? [];
  }
}
