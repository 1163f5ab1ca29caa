const EINVAL = 22;
const EBUSY = 16;

/** Every way in which a device's description can be wrong: UML's text, and the `err` of mconsole's reply (spec 3). */
const DEVICE_PROBLEMS = {
  'unit-syntax': ["Couldn't parse device number", -EINVAL],
  'unit-range': ['Device number out of range', 1],
  'line-range': ['Device number out of range', -EINVAL],
  'all-lines': ["Can't configure all devices from mconsole", -EINVAL],
  configured: ['Device is already configured', -EBUSY],
  flag: ["Expected '=' or flag letter (r, s, c, t or d)", -EINVAL],
  'too-many-flags': ['Too many flags specified', -EINVAL],
  'no-equals': ["Missing '='", -EINVAL],
  'data-with-cow': ["Can't specify both 'd' and a cow file", -EINVAL],
  'nic-unit': ['Bad device number', -EINVAL],
  'nic-equals': ["Expected '=' after device number", -EINVAL],
  'nic-colon': ["Expected ':' after device number", -EINVAL],
  'nic-configured': ['Device already configured', -EINVAL],
  'nic-option': ['vector_config failed to parse parameters', -EINVAL],
} as const satisfies Record<string, readonly [text: string, err: number]>;

export type DeviceProblem = keyof typeof DEVICE_PROBLEMS | 'transport';

/** A description of a device (`ubd…`, `con…`, `ssl…`, `eth…`, `vec…`) that is refused. The message is UML's own text. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
  readonly code: DeviceProblem;
  /** What mconsole's reply carries: 1 or a negative errno. */
  readonly err: number;

  constructor(code: keyof typeof DEVICE_PROBLEMS);
  constructor(code: 'transport', wanted: string, available: readonly string[]);
  constructor(code: DeviceProblem, wanted = '', available: readonly string[] = []) {
    const choice =
      available.length > 0 ? `it can be: ${available.join(', ')}` : 'there is none yet for this kind of device';
    const [text, err] = code === 'transport' ? [`No transport '${wanted}' (${choice})`, 1] : DEVICE_PROBLEMS[code];
    super(text);
    this.code = code;
    this.err = err;
  }
}

/** A command line that can't boot. UML prints the message on stderr and exits with status 1. */
export class CommandLineError extends Error {
  override readonly name = 'CommandLineError';
  readonly code: 'too-little-memory' | 'too-much-memory' | 'too-long';

  constructor(code: CommandLineError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
