export type ChannelProblem = 'syntax' | 'open';

/**
 * A channel that can't be had. `syntax`: the description is wrong, or of a type that isn't there; the message is what
 * UML answers to mconsole, with err -1. `open`: the description is right and the channel can't be opened.
 */
export class ChannelError extends Error {
  override readonly name = 'ChannelError';
  readonly code: ChannelProblem;
  /** The line for the guest's log, where UML has one. */
  readonly log: string | undefined;

  constructor(code: ChannelProblem, message: string, log?: string) {
    super(message);
    this.code = code;
    this.log = log;
  }
}

/** A wrong description, with the reason that UML logs (spec 14.1). */
export function syntaxError(log?: string): ChannelError {
  return new ChannelError('syntax', 'failed to parse channel pair', log);
}
