import { DEFAULT_TIMEOUT } from '../../lib/mconsole/index.ts';

export const USAGE = 'Usage : uml_mconsole socket-name [command]\n';
export const HELP = `usage: uml_mconsole [OPTION...] NAME [COMMAND...]
       uml_mconsole [OPTION...] --all | --match PATTERN COMMAND...
       uml_mconsole --list | --notify SOCKET [PROGRAM [ARGUMENT...]]

NAME is an instance's umid, its umid directory or its mconsole socket. COMMAND is carried out
and the exit status tells how it went; without one, commands are read from standard input.
The command 'help' lists them.

  --timeout SECONDS  how long to wait for an answer (default ${DEFAULT_TIMEOUT / 1000}, for halt, reboot and cad 60)
  --uml-dir DIR      look for umids in DIR alone, as in the instances' uml_dir=
  --json             print a JSON object a line for each command, instance or notification
  --all              address all instances of this user that are there
  --match PATTERN    address those whose umid fits the shell pattern
  --script FILE      carry out the commands of FILE, a line each ('-': standard input), without prompts
  --wait             first wait until the instance answers (at most 60 seconds, or --timeout)
  --list             list the instances of this user
  --notify SOCKET    print what instances with mconsole=notify:SOCKET tell, and run PROGRAM for each, with
                     NOTIFICATION (socket, panic, hang, user) and NOTIFICATION_TEXT in its environment;
                     with --wait, let the instance announce itself there
`;

export interface Arguments {
  what: 'help' | 'list' | 'notify' | 'instance' | 'instances';
  /** Milliseconds. */
  timeout: number | undefined;
  umlDir: string | undefined;
  json: boolean;
  /** Of the umids addressed. */
  pattern: string | undefined;
  /** A file of commands, `-` for standard input. */
  script: string | undefined;
  wait: boolean;
  notifySocket: string | undefined;
  /** What follows the options. */
  words: readonly string[];
}

/**
 * Reads the arguments. All options are ours; they stand before the name, so no word of an old script can be meant, and
 * a first word that is none of them is a name, as to the C tool. Undefined where the usage is wrong.
 */
export function parseArguments(args: readonly string[]): Arguments | undefined {
  const words = [...args];
  const values = new Map<string, string>();
  for (let word = words[0]; word !== undefined; word = words[0]) {
    if (FLAGS.includes(word)) values.set(word, '');
    else if (!WITH_VALUE.includes(word)) break;
    else if (words[1]) values.set(word, words.splice(1, 1)[0] ?? '');
    else return undefined;
    words.shift();
  }
  const seconds = values.get('--timeout');
  const timeout = seconds === undefined ? undefined : Number(/^\d*\.?\d+$/.exec(seconds)?.[0]) * 1000;
  if (timeout !== undefined && !(timeout > 0)) return undefined;
  const parsed: Omit<Arguments, 'what'> = {
    timeout,
    umlDir: values.get('--uml-dir'),
    json: values.has('--json'),
    pattern: values.get('--match') ?? (values.has('--all') ? '*' : undefined),
    script: values.get('--script'),
    wait: values.has('--wait'),
    notifySocket: values.get('--notify'),
    words,
  };
  const what = values.has('--help') ? 'help' : kindOf(parsed, values.has('--list'));
  return what && { what, ...parsed };
}

const FLAGS: readonly string[] = ['--help', '--json', '--all', '--wait', '--list'];
const WITH_VALUE: readonly string[] = ['--timeout', '--uml-dir', '--match', '--script', '--notify'];

/** What is asked for; undefined where the options and words do not go together. */
function kindOf(parsed: Omit<Arguments, 'what'>, list: boolean): Arguments['what'] | undefined {
  const { pattern, script, wait, notifySocket, words } = parsed;
  const several = pattern !== undefined;
  const listens = notifySocket !== undefined && !wait;
  if (list) return words.length > 0 || several || script || wait || notifySocket ? undefined : 'list';
  if (listens) return several || script ? undefined : 'notify';
  const commands = words.length - (several ? 0 : 1);
  if (commands < 0 || (script && commands > 0)) return undefined;
  if (!several) return 'instance';
  return wait || (commands === 0 && !script) ? undefined : 'instances';
}
