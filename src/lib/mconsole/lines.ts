import type { Readable, Writable } from 'node:stream';

export interface Terminal {
  input: Readable & { isTTY?: boolean };
  output: Writable & { isTTY?: boolean };
}

/**
 * The lines that a user types, each asked for by the prompt. On a terminal they can be edited and there is a history;
 * control-C ends the process as the signal does. Elsewhere the prompt and the line are written to the output, as
 * readline does in the C client. After the last line a newline is written.
 * @param prompt asked anew for each line
 */
export function promptedLines(terminal: Terminal, prompt: () => string): AsyncGenerator<string, void> {
  return terminal.input.isTTY && terminal.output.isTTY ? editedLines(terminal, prompt) : pipedLines(terminal, prompt);
}

async function* pipedLines({ input, output }: Terminal, prompt: () => string): AsyncGenerator<string, void> {
  output.write(prompt());
  for await (const line of splitLines(input)) {
    if (!input.isTTY) output.write(`${line}\n`);
    yield line;
    output.write(prompt());
  }
  output.write('\n');
}

async function* splitLines(input: Readable): AsyncGenerator<string, void> {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function* editedLines({ input, output }: Terminal, prompt: () => string): AsyncGenerator<string, void> {
  const { createInterface } = await import('node:readline');
  const readline = createInterface({ input, output, terminal: true });
  const typed: string[] = [];
  let closed = false;
  let wake = () => {};
  readline.on('line', (line) => {
    typed.push(line);
    wake();
  });
  readline.on('close', () => {
    closed = true;
    wake();
  });
  readline.on('SIGINT', () => {
    readline.close(); // gives the terminal its mode back
    process.kill(process.pid, 'SIGINT');
  });
  try {
    while (true) {
      readline.setPrompt(prompt());
      readline.prompt();
      while (typed.length === 0 && !closed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const line = typed.shift();
      if (line === undefined) break;
      yield line;
    }
    output.write('\n');
  } finally {
    readline.close();
  }
}
