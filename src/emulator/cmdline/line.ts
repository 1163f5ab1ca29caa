import { DeviceError } from './error.ts';
import { leadingNumber } from './number.ts';

/** Consoles of a machine, `tty0` to `tty15` (MAX_TTYS of arch/um/drivers/stdio_console.c). */
export const CONSOLE_COUNT = 16;
/** Serial lines that UML's command line knows (NR_PORTS of arch/um/drivers/ssl.c). */
export const SERIAL_LINE_COUNT = 64;
/** Serial lines that this machine has. */
export const MACHINE_SERIAL_LINES = 16;

/** A `con…` or `ssl…` word: a channel for one line, or for all that have none of their own. */
export interface LineWord {
  /** Undefined for all lines. */
  readonly unit: number | undefined;
  /** The channel description, not yet looked into (see channels). */
  readonly channel: string;
}

/**
 * Reads what stands after `con` or `ssl` on the command line (line_setup of arch/um/drivers/line.c).
 * @param count how many lines there are
 * @throws DeviceError
 */
export function parseLine(text: string, count: number): LineWord {
  if (text.startsWith('=')) return { unit: undefined, channel: text.slice(1) };
  const number = leadingNumber(text);
  if (!number?.rest.startsWith('=')) throw new DeviceError('unit-syntax');
  if (number.value >= count) throw new DeviceError('line-range');
  return { unit: number.value, channel: number.rest.slice(1) };
}

/**
 * Reads what stands after `con` or `ssl` in mconsole's `config`, where one line must be named (line_config).
 * @throws DeviceError
 */
export function parseOneLine(text: string, count: number): LineWord & { readonly unit: number } {
  const { unit, channel } = parseLine(text, count);
  if (unit === undefined) throw new DeviceError('all-lines');
  return { unit, channel };
}
