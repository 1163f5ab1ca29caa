/** A number at the start of a text, and what follows it. */
export interface LeadingNumber {
  value: number;
  rest: string;
}

/**
 * The number that a text starts with, as the kernel's `simple_strtoul(text, &end, 0)` reads it: decimal, `0x` hexadecimal
 * or `0` octal (lib/vsprintf.c). Undefined where the C function would leave `end` at the start.
 */
export function leadingNumber(text: string): LeadingNumber | undefined {
  const hex = /^0x([0-9a-f]+)/i.exec(text);
  if (hex) return { value: Number.parseInt(hex[1]!, 16), rest: text.slice(hex[0].length) };
  const digits = (text.startsWith('0') ? /^[0-7]+/ : /^[0-9]+/).exec(text)?.[0];
  if (digits === undefined) return undefined;
  return { value: Number.parseInt(digits, digits.startsWith('0') ? 8 : 10), rest: text.slice(digits.length) };
}

/** The hexadecimal number that a text starts with, as `simple_strtoul(text, &end, 16)` reads it. */
export function leadingHex(text: string): LeadingNumber | undefined {
  const match = /^(?:0x(?=[0-9a-f]))?([0-9a-f]+)/i.exec(text);
  return match ? { value: Number.parseInt(match[1]!, 16), rest: text.slice(match[0].length) } : undefined;
}

const SUFFIXES = 'KMGTPE';

/**
 * A size in bytes with an optional K, M, G, T, P or E in either case, as the kernel's memparse reads it: text that is no
 * number counts as 0, and what follows is ignored.
 */
export function parseSize(text: string): number {
  const number = leadingNumber(text);
  if (!number) return 0;
  const power = SUFFIXES.indexOf(number.rest.charAt(0).toUpperCase() || ' ') + 1;
  return number.value * 1024 ** power;
}
