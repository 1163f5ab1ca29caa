/**
 * The integer that a whole word is, as strtol(3) reads it in base 0: decimal, octal behind a 0, hexadecimal behind 0x, with
 * blanks and a sign before it. Undefined where it is none, as the empty word, which C takes for 0; numbers past 2^53 are
 * not exact.
 */
export function integer(word: string): number | undefined {
  const [, sign, hexadecimal, octal, decimal] =
    /^[ \t-\r]*([+-]?)(?:0x([\da-f]+)|(0[0-7]*)|([1-9]\d*))$/i.exec(word) ?? [];
  const [digits, base] =
    hexadecimal !== undefined ? [hexadecimal, 16] : octal !== undefined ? [octal, 8] : [decimal, 10];
  if (digits === undefined) return undefined;
  const number = Number.parseInt(digits, base);
  return sign === '-' && number !== 0 ? -number : number;
}
