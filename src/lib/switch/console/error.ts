/**
 * A command was refused. `code` is stable; the message is one line that names what is wrong. What the switch itself
 * refuses has the code of its SwitchError, a capture that of its CaptureError.
 */
export class ConsoleError extends Error {
  override readonly name = 'ConsoleError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
