import { COMMANDS } from '../../lib/switch/index.ts';

const DEFAULT_SOCKET = '/tmp/uml.console';

export type Request =
  | { help: string }
  | { wrong: string }
  /** Without words, commands are read from the input. */
  | { socket: string; form: 'text' | 'json'; words: string[] };

/** Reads the words after `uml switchctl`. Options may stand before, among and behind those of the command. */
export function parseWords(args: readonly string[]): Request {
  let socket = DEFAULT_SOCKET;
  let form: 'text' | 'json' = 'text';
  const words: string[] = [];
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') return { socket, form, words: [...words, ...rest] };
    if (word === '--help' || word === '-h') return { help: helpText() };
    if (word === '--json') form = 'json';
    else if (word === '-s' || word === '--socket') {
      const path = rest.shift();
      if (!path) return { wrong: `${word} needs the socket of a console` };
      socket = path;
    } else if (word.startsWith('--socket=')) socket = word.slice('--socket='.length);
    else if (word.startsWith('-')) return { wrong: `there is no option ${JSON.stringify(word)}` };
    else words.push(word);
  }
  return { socket, form, words };
}

function helpText(): string {
  const forms = COMMANDS.map(({ pattern, summary }) => [pattern.form, summary] as const);
  const options = [
    ['-s, --socket SOCKET', `the console (uml_switch --console SOCKET); without it ${DEFAULT_SOCKET}`],
    ['--json', 'answers for programs: a line of JSON each'],
    ['--help', 'this'],
  ] as const;
  const width = Math.max(...[...forms, ...options].map(([form]) => form.length));
  const rows = (list: readonly (readonly [string, string])[]): string =>
    list.map(([form, summary]) => `  ${form.padEnd(width)}  ${summary}\n`).join('');
  return (
    'uml switchctl [-s SOCKET] [--json] [COMMAND]\n\n' +
    'Asks the console of a running uml_switch. Without a command it asks for commands.\n\n' +
    `Options:\n${rows(options)}\nCommands:\n${rows(forms)}\n` +
    'Status: 0 done; 1 refused; 2 wrong words, or no console answers.\n'
  );
}
