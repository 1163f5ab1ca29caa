import { ChannelError, syntaxError } from './error.ts';

/** One end of a channel, as it was described. */
export type ChannelSpec =
  | { readonly type: 'fd'; readonly fd: number }
  | { readonly type: 'null' }
  | { readonly type: 'pty' }
  | { readonly type: 'pts' }
  | { readonly type: 'tty'; readonly device: string };

/** Where a line's input comes from and its output goes: one and the same object unless two were described. */
export interface ChannelPair {
  /** As it was configured, e.g. `fd:0,fd:1`. */
  readonly text: string;
  readonly input: ChannelSpec;
  readonly output: ChannelSpec;
}

/**
 * Reads a channel description: `<channel>` or `<input>,<output>` (spec 14.1; parse_chan_pair of
 * arch/um/drivers/chan_kern.c). Types are found by their beginning. Undefined for `none`: there is no device then.
 * @throws ChannelError `syntax`
 */
export function parseChannelPair(text: string): ChannelPair | undefined {
  if (text === 'none') return undefined;
  const comma = text.indexOf(',');
  if (comma < 0) {
    const both = parseChannel(text);
    return { text, input: both, output: both };
  }
  return { text, input: parseChannel(text.slice(0, comma)), output: parseChannel(text.slice(comma + 1)) };
}

/** What UML says of a type that it was built without, as this program is without `port` and `xterm`. */
const NOT_CONFIGURED = 'Using a channel type which is configured out of UML';

/** In the kernel's order: the first whose name the text begins with is taken. */
const PARSERS: readonly (readonly [type: string, parse: (rest: string) => ChannelSpec])[] = [
  ['fd', parseFd],
  ['null', () => ({ type: 'null' })],
  ['port', parsePort],
  ['pty', () => ({ type: 'pty' })],
  ['pts', () => ({ type: 'pts' })],
  ['tty', parseTty],
  ['xterm', refuse],
];

function parseChannel(text: string): ChannelSpec {
  const found = PARSERS.find(([type]) => text.startsWith(type));
  if (!found) throw syntaxError();
  const [type, parse] = found;
  return parse(text.slice(type.length));
}

function parseFd(rest: string): ChannelSpec {
  if (!rest.startsWith(':')) throw syntaxError("fd_init : channel type 'fd' must specify a file descriptor");
  const fd = parseNumber(rest.slice(1));
  if (fd === undefined) throw syntaxError(`fd_init : couldn't parse file descriptor '${rest.slice(1)}'`);
  return { type: 'fd', fd };
}

function parsePort(rest: string): never {
  if (!rest.startsWith(':')) throw syntaxError("port_init : channel type 'port' must specify a port number");
  if (parseNumber(rest.slice(1)) === undefined) throw syntaxError(`port_init : couldn't parse port '${rest.slice(1)}'`);
  throw syntaxError(NOT_CONFIGURED);
}

function refuse(): never {
  throw syntaxError(NOT_CONFIGURED);
}

function parseTty(rest: string): ChannelSpec {
  if (!rest.startsWith(':')) throw syntaxError("tty_init : channel type 'tty' must specify a device");
  return { type: 'tty', device: rest.slice(1) };
}

/** A whole text that is a number as strtoul(text, &end, 0) takes it. */
function parseNumber(text: string): number | undefined {
  if (/^0x[0-9a-f]+$/i.test(text)) return Number.parseInt(text, 16);
  if (/^0[0-7]*$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9][0-9]*$/.test(text) ? Number(text) : undefined;
}

/**
 * What UML logs when it sets up a line at the boot whose channel was described wrongly: the reason where it has one, and
 * which line it is (setup_one_line). The line is then as if it had `none`. Empty if the description is right.
 */
export function setupProblems(text: string, unit: number): readonly string[] {
  try {
    parseChannelPair(text);
    return [];
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error;
    const failed = `setup_one_line failed for device ${unit} : ${error.message}`;
    return error.log === undefined ? [failed] : [error.log, failed];
  }
}
