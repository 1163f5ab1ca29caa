import type { Readable, Writable } from 'node:stream';
import type { Completion } from './completion.ts';
import type { History } from './history.ts';

export interface Terminal {
  input: Readable & { isTTY?: boolean };
  output: Writable & { isTTY?: boolean };
}

/** What makes typing easier on a terminal; of no effect elsewhere. */
export interface Comforts {
  history?: History | undefined;
  complete?: (line: string) => Promise<Completion>;
  /** Called for a control-C while a line is carried out. */
  interrupt?: () => void;
}

/**
 * The lines that a user types, each asked for by the prompt. On a terminal they can be edited and completed, there is a
 * history, and control-C cancels the line. Elsewhere the prompt and the line are written to the output, as readline
 * does in the C client. After the last line a newline is written.
 * @param prompt asked anew for each line
 */
export function promptedLines(
  terminal: Terminal,
  prompt: () => string,
  comforts: Comforts = {},
): AsyncGenerator<string, void> {
  const { isTTY } = terminal.output;
  return terminal.input.isTTY && isTTY ? editedLines(terminal, prompt, comforts) : pipedLines(terminal, prompt);
}

async function* pipedLines({ input, output }: Terminal, prompt: () => string): AsyncGenerator<string, void> {
  output.write(prompt());
  for await (const line of linesOf(input)) {
    if (!input.isTTY) output.write(`${line}\n`);
    yield line;
    output.write(prompt());
  }
  output.write('\n');
}

/** The lines of a stream of text, without their ends, each as soon as it is there. */
export async function* linesOf(input: Readable): AsyncGenerator<string, void> {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function* editedLines(
  { input, output }: Terminal,
  prompt: () => string,
  { history, complete, interrupt }: Comforts,
): AsyncGenerator<string, void> {
  const { createInterface } = await import('node:readline');
  const readline = createInterface({
    input,
    output,
    terminal: true,
    history: [...(history?.lines ?? [])].reverse(),
    historySize: 500,
    ...(complete && { completer: completer(complete) }),
  });
  const typed: string[] = [];
  let closed = false;
  let asking = false;
  let wake = () => {};
  readline.on('line', (line) => {
    history?.add(line);
    typed.push(line);
    wake();
  });
  readline.on('close', () => {
    closed = true;
    wake();
  });
  readline.on('SIGINT', () => {
    typed.length = 0;
    if (!asking) return interrupt?.();
    readline.write(null, { ctrl: true, name: 'e' }); // the cursor to the line's end
    output.write('^C\n');
    readline.write(null, { ctrl: true, name: 'u' }); // an empty line, with a prompt
  });
  try {
    while (true) {
      readline.setPrompt(prompt());
      readline.prompt();
      asking = true;
      while (typed.length === 0 && !closed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      asking = false;
      const line = typed.shift();
      if (line === undefined) break;
      yield line;
    }
    output.write('\n');
  } finally {
    readline.close();
  }
}

type Completer = (line: string, done: (error: null, completion: Completion) => void) => void;

/** readline's form of it. An instance that does not answer has nothing to offer. */
function completer(complete: (line: string) => Promise<Completion>): Completer {
  return (line, done) => {
    complete(line).then(
      (completion) => done(null, completion),
      () => done(null, [[], line]),
    );
  };
}
