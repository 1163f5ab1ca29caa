import { History, linesOf, promptedLines } from '../../lib/mconsole/index.ts';
import { ConsoleError, completions, splitWords } from '../../lib/switch/index.ts';
import { type Session, STATUS } from './session.ts';

/** Carries out what is typed, until `quit` or the end of the input. The status tells whether something was refused. */
export async function converse(session: Session): Promise<number> {
  const { HOME } = process.env;
  let status: number = STATUS.success;
  const history = HOME ? new History(`${HOME}/.uml_switchctl_history`) : undefined;
  for await (const line of lines(session, history)) {
    const outcome = await runLine(session, line);
    if (outcome === 'quit') break;
    status = outcome || status;
    if (session.isOver) break;
  }
  return process.stdin.isTTY ? STATUS.success : status;
}

/** On a terminal with a prompt; elsewhere just the lines, so that the output is the answers alone. */
function lines(session: Session, history: History | undefined): AsyncGenerator<string, void> {
  if (process.stdin.isTTY && process.stdout.isTTY) {
    return promptedLines({ input: process.stdin, output: process.stdout }, () => '(switch) ', {
      history,
      complete: async (line) => complete(line),
      interrupt: () => session.close(),
    });
  }
  return linesOf(process.stdin);
}

async function runLine(session: Session, line: string): Promise<number | 'quit'> {
  let words: string[];
  try {
    words = splitWords(line);
  } catch (error) {
    if (!(error instanceof ConsoleError)) throw error;
    process.stderr.write(`uml switchctl: ${error.message}\n`);
    return STATUS.refused;
  }
  if (words.length === 0) return STATUS.success;
  return words.length === 1 && words[0] === 'quit' ? 'quit' : session.run(words);
}

function complete(line: string): [candidates: string[], piece: string] {
  const [, head = '', piece = ''] = /^(.*?)(\S*)$/s.exec(line) ?? [];
  const before = head.trim() === '' ? [] : head.trim().split(/\s+/);
  return [
    completions(before)
      .filter((word) => word.startsWith(piece))
      .map((word) => `${word} `),
    piece,
  ];
}
