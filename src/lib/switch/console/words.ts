/** Command lines: to words and back. */
import { ConsoleError } from './error.ts';

/**
 * The words of a line: separated by blanks; in double quotes a word may have blanks, and a backslash keeps the character
 * after it.
 * @throws ConsoleError LINE for a quote that is not closed
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  const word = /\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)|\s+$/gsy;
  while (word.lastIndex < line.length) {
    const at = word.lastIndex;
    const match = word.exec(line);
    if (!match) throw new ConsoleError('LINE', `${shown(line.slice(at).trim())}: a quote is not closed, or in a word`);
    if (match[1] !== undefined) words.push(match[1].replace(/\\(.)/gs, '$1'));
    else if (match[2] !== undefined) words.push(match[2]);
  }
  return words;
}

/** A line that `splitWords` takes apart into these words. */
export function joinWords(words: readonly string[]): string {
  return words.map((word) => (/^[^\s"\\]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`)).join(' ');
}

const SHOWN = 60;

/** Something that a user said, for a message of one line: in quotes, without control characters, not too long. */
export function shown(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
  return `'${clean.length > SHOWN ? `${clean.slice(0, SHOWN)}…` : clean}'`;
}
