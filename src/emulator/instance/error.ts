const ENOENT = 2;
const ENODEV = 19;
const EBUSY = 16;

const PROBLEMS = {
  'no-device': ["Device doesn't exist", -ENODEV],
  'device-open': ['Device is currently open', -EBUSY],
  'unit-syntax': ["Couldn't parse device number", 1],
  'unit-range': ['Invalid device number - must be between 0 and 15', 1],
  'get-range': ['ubd_get_config : device number out of range', 1],
  'line-syntax': ['line_get_config failed to parse device number', 1],
  'line-range': ['device number out of range', 1],
  'no-option': ['Bad configuration option', 1],
  'no-remove': ['Bad remove option', 1],
  'no-get': ['No get_config routine defined', 1],
} as const;

export type InstanceProblem = keyof typeof PROBLEMS;

/** A request that a running instance refuses. The message and `err` are those of UML's mconsole (spec 3). */
export class InstanceError extends Error {
  override readonly name = 'InstanceError';
  readonly code: InstanceProblem;
  /** 1 or a negative errno. */
  readonly err: number;

  constructor(code: InstanceProblem) {
    const [text, err] = PROBLEMS[code];
    super(text);
    this.code = code;
    this.err = err;
  }
}

/** A ubd whose files can't be opened: UML's text, and its reason. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly file: string;
  /** Positive. */
  readonly errno: number;

  constructor(file: string, errno: number) {
    super(errno === ENOENT ? "Couldn't determine size of device's file" : `Can't open "${file}": errno = ${errno}`);
    this.file = file;
    this.errno = errno;
  }
}

/** An instance that can't be started. The message is one line that says what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: 'no-kernel' | 'bad-kernel' | 'bad-initrd' | 'amd64-root' | 'no-memory' | 'no-umid';

  constructor(code: StartError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
