export type MachineErrorCode =
  | 'unsupported-v86'
  | 'bad-kernel'
  | 'kernel-too-large'
  | 'amd64-kernel'
  | 'bad-address'
  | 'bad-descriptor';

/** Something that the emulated machine can't do: a kernel it can't load, or a guest that breaks the device protocol. */
export class MachineError extends Error {
  override readonly name = 'MachineError';
  readonly code: MachineErrorCode;

  constructor(code: MachineErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
