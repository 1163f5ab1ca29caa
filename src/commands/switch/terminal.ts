import { type Managed, switchMessages as messages, runLine } from '../../lib/switch/index.ts';
import type { Log } from './log.ts';

/**
 * Takes commands from the terminal: an answer goes where the messages go. Empty lines have none.
 * @param onEnd the end of input
 */
export function serveTerminal(managed: Managed, log: Log, onEnd: () => void): void {
  let typed = '';
  let answered = Promise.resolve();
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (text: string) => {
    const lines = (typed + text).split('\n');
    typed = lines.pop() ?? '';
    for (const line of lines) answered = answered.then(() => answerLine(line, managed, log));
  });
  process.stdin.once('end', () => answered.then(onEnd));
  process.stdin.on('error', onEnd); // EIO: the terminal is gone
}

async function answerLine(line: string, managed: Managed, log: Log): Promise<void> {
  const outcome = await runLine(line, managed);
  if (outcome === undefined) return;
  if (outcome === 'close' || 'stream' in outcome) log.print([messages.noSessionLine]);
  else if (outcome.answer === 'refused') log.print([{ to: 'stderr', text: outcome.message }]);
  else log.print(outcome.lines.map((text) => ({ to: 'stdout', text })));
}
