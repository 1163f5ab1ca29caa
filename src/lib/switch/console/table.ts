import { type Command, command, type Managed, type Result } from './command.ts';
import { CAPTURE_COMMANDS } from './commands/captures.ts';
import { NETWORK_COMMANDS } from './commands/network.ts';
import { PORT_COMMANDS } from './commands/ports.ts';
import { SESSION_COMMANDS } from './commands/session.ts';
import { ConsoleError } from './error.ts';
import { match } from './pattern.ts';
import { parseValue, VALUE_HELP, type ValueName } from './values.ts';
import { shown } from './words.ts';

const HELP = command('help [COMMAND]', 'what can be asked for', (_, { COMMAND }) => helpOn(COMMAND));

/** Every command, in the order of help and manual. */
export const COMMANDS: readonly Command[] = [
  ...PORT_COMMANDS,
  ...NETWORK_COMMANDS,
  ...CAPTURE_COMMANDS,
  ...SESSION_COMMANDS,
  HELP,
];

/**
 * Carries out a command.
 * @throws ConsoleError LINE, COMMAND, VALUE, PORT, CAPTURE; SwitchError, CaptureError
 */
export async function carryOut(words: readonly string[], managed: Managed): Promise<Result> {
  const { command, values } = find(words);
  const parsed: Partial<Record<ValueName, unknown>> = {};
  for (const { name, text } of values) parsed[name] = parseValue(name, text, () => managed.network.ports());
  return command.run(managed, parsed);
}

/** The command of these words, and the texts of its values. @throws ConsoleError COMMAND */
export function find(words: readonly string[]): {
  command: Command;
  values: { name: ValueName; text: string; index: number }[];
} {
  let most = 0;
  let nearest: Command[] = [];
  for (const command of COMMANDS) {
    const outcome = match(command.pattern, words);
    if (outcome.fits) return { command, values: outcome.values };
    if (outcome.literals > most) nearest = [];
    most = Math.max(most, outcome.literals);
    if (outcome.literals === most && most > 0) nearest.push(command);
  }
  const line = shown(words.join(' '));
  if (most === 0) throw new ConsoleError('COMMAND', `there is no command ${line}; help lists them`);
  const forms = nearest.map(({ pattern }) => pattern.form);
  const advice = forms.length > MOST_FORMS ? `see help ${words[0]}` : `it is ${forms.join(' or ')}`;
  throw new ConsoleError('COMMAND', `${line} is no command: ${advice}`);
}

const MOST_FORMS = 3;

function helpOn(word: string | undefined): Result {
  const wanted = COMMANDS.filter(({ pattern }) => word === undefined || ` ${pattern.form} `.startsWith(` ${word} `));
  if (wanted.length === 0)
    throw new ConsoleError('COMMAND', `there is no command ${shown(word ?? '')}; help lists them`);
  const names = (Object.keys(VALUE_HELP) as ValueName[]).filter((name) =>
    wanted.some(({ pattern }) => pattern.form.match(/[A-Z]+/g)?.includes(name)),
  );
  const forms = wanted.map(({ pattern, summary }) => ({ form: pattern.form, summary }));
  const values = names.map((name) => ({ name, meaning: VALUE_HELP[name] }));
  const width = Math.max(...forms.map(({ form }) => form.length), ...names.map((name) => name.length));
  const lines = [
    ...forms.map(({ form, summary }) => `  ${form.padEnd(width)}  ${summary}`),
    ...(values.length > 0 ? [''] : []),
    ...values.map(({ name, meaning }) => `  ${name.padEnd(width)}  ${meaning}`),
  ];
  return { json: { commands: forms, values }, lines };
}

/** The words that can follow these, for a line that is being typed. */
export function completions(words: readonly string[]): string[] {
  const next = COMMANDS.flatMap(({ pattern }) => {
    const token = pattern.needed[words.length];
    const fits = words.every((word, at) => {
      const here = pattern.needed[at];
      return here !== undefined && ('value' in here || here.literal === word);
    });
    return fits && token && 'literal' in token ? [token.literal] : [];
  });
  return [...new Set(next)];
}
