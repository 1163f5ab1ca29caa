/** The words of a command line, read as the C library's getopt(3) reads them: pure. */

export type Word =
  /** An option: a letter, or a long one with its dashes. */
  | { option: string; value: string | undefined }
  /** getopt's complaint: an option that there is none of, or one without its value. */
  | { complaint: 'invalid' | 'missing'; option: string };

export interface Words {
  /** Options and complaints from left to right. The C tools stop at the first complaint. */
  options: readonly Word[];
  /** What is no option. */
  operands: readonly string[];
}

export interface Grammar {
  /** Letters of options, those with a value followed by `:`, as getopt's own string. */
  short: string;
  /** Options with two dashes, which plain getopt has none of, and whether a value goes with them. */
  long?: Readonly<Record<`--${string}`, 'flag' | 'value'>>;
  /** POSIXLY_CORRECT is in the environment: the first operand ends the options, which else may follow it. */
  posix?: boolean;
}

/**
 * Reads arguments. Values of letters stand in the same word or the next, those of long options in the next or behind
 * `=`. A long word that the grammar does not have is the letter `-`, followed by more letters, as to getopt.
 * An invalid option is told by its byte, as a character below U+0100, for getopt knows bytes only.
 */
export function getopt(args: readonly string[], { short, long = {}, posix = false }: Grammar): Words {
  const options: Word[] = [];
  const operands: string[] = [];
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--' || (posix && !isOption(word))) {
      operands.push(...(word === '--' ? [] : [word]), ...rest.splice(0));
    } else if (!isOption(word)) {
      operands.push(word);
    } else {
      options.push(...(longOption(word, long, rest) ?? letters(word, short, rest)));
    }
  }
  return { options, operands };
}

const isOption = (word: string): boolean => word.length > 1 && word.startsWith('-');

function longOption(word: string, long: NonNullable<Grammar['long']>, rest: string[]): Word[] | undefined {
  const [, option = '', value] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  const kind = Object.entries(long).find(([name]) => name === option)?.[1];
  if (kind === undefined || (kind === 'flag' && value !== undefined)) return undefined;
  if (kind === 'flag') return [{ option, value: undefined }];
  const given = value ?? rest.shift();
  return [given === undefined ? { complaint: 'missing', option } : { option, value: given }];
}

function letters(word: string, short: string, rest: string[]): Word[] {
  const found: Word[] = [];
  const bytes = Buffer.from(word).toString('latin1');
  for (let at = 1; at < bytes.length; at++) {
    const option = bytes.charAt(at);
    const known = option === ':' || option === ';' ? -1 : short.indexOf(option);
    if (known < 0) {
      found.push({ complaint: 'invalid', option });
    } else if (short.charAt(known + 1) !== ':') {
      found.push({ option, value: undefined });
    } else {
      const same = Buffer.from(bytes.slice(at + 1), 'latin1').toString();
      const value = same === '' ? rest.shift() : same;
      return [...found, value === undefined ? { complaint: 'missing', option } : { option, value }];
    }
  }
  return found;
}

/** getopt's line about a complaint, with its newline: bytes, since it may show one byte of a character. */
export function complaintLine(program: string, complaint: 'invalid' | 'missing', option: string): Uint8Array {
  if (option.startsWith('--')) return Buffer.from(`${program}: option '${option}' requires an argument\n`);
  const text = complaint === 'invalid' ? 'invalid option' : 'option requires an argument';
  return Buffer.concat([Buffer.from(`${program}: ${text} -- '`), Buffer.from(option, 'latin1'), Buffer.from("'\n")]);
}
