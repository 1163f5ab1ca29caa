/**
 * The form of a command, as help shows it: words, values in capitals, and in brackets what may be left out, in any order
 * behind the rest.
 */
import type { ValueName, Values } from './values.ts';

type Split<P extends string> = P extends `${infer First} ${infer Rest}` ? First | Split<Rest> : P;
type Bare<W extends string> = W extends `[${infer V}]` ? V : W extends `${infer V}]` ? V : never;

/** The values of a form: those in brackets may be missing. */
export type ArgumentsOf<P extends string> = {
  [N in Extract<Split<P>, ValueName>]: Values[N];
} & { [N in Extract<Bare<Split<P>>, ValueName>]?: Values[N] };

type Token = { literal: string } | { value: ValueName };

export interface Pattern {
  /** As it was written. */
  readonly form: string;
  readonly needed: readonly Token[];
  readonly optional: readonly (readonly Token[])[];
}

export function compile(form: string): Pattern {
  const [needed = '', ...groups] = form.split(/\s*\[|\]\s*\[?|\]$/).filter((part) => part !== '');
  return { form, needed: tokensOf(needed), optional: groups.map(tokensOf) };
}

function tokensOf(part: string): Token[] {
  return part.split(' ').map((word) => (/^[A-Z]+$/.test(word) ? { value: word as ValueName } : { literal: word }));
}

/** What words have in common with a form. */
export type Match =
  | { fits: true; values: { name: ValueName; text: string; index: number }[] }
  /** How many words it begins with are the same. */
  | { fits: false; literals: number };

export function match(pattern: Pattern, words: readonly string[]): Match {
  const values: { name: ValueName; text: string; index: number }[] = [];
  let at = 0;
  const take = (token: Token): boolean => {
    const text = words[at];
    if (text === undefined || ('literal' in token && token.literal !== text)) return false;
    if ('value' in token) values.push({ name: token.value, text, index: at });
    at++;
    return true;
  };
  if (!pattern.needed.every(take)) return { fits: false, literals: leadingLiterals(pattern, words) };
  const left = [...pattern.optional];
  while (at < words.length) {
    const group =
      left.find(([first]) => first && 'literal' in first && first.literal === words[at]) ??
      left.find(([first]) => first && 'value' in first);
    if (group) left.splice(left.indexOf(group), 1);
    if (!group?.every(take)) return { fits: false, literals: leadingLiterals(pattern, words) };
  }
  return { fits: true, values };
}

function leadingLiterals({ needed }: Pattern, words: readonly string[]): number {
  const end = needed.findIndex((token, index) => 'value' in token || token.literal !== words[index]);
  return end < 0 ? needed.length : end;
}
