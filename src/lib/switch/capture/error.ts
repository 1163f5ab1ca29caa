/** A capture could not be begun, or can't go on. `code` is the step, `to` where it goes. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  readonly code: 'OPEN' | 'WRITE';
  readonly to: string;

  constructor(code: CaptureError['code'], to: string, reason: string) {
    super(`${to}: ${reason}`);
    this.code = code;
    this.to = to;
  }
}
