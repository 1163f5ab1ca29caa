import {
  type CompletionSources,
  completionsOf,
  History,
  instancesOf,
  promptedLines,
} from '../../lib/mconsole/index.ts';
import { type Outcome, STATUS } from './outcome.ts';
import type { Session } from './session.ts';

const LOCAL_COMMANDS = ['quit', 'switch', 'log', 'mconsole-version', 'int', 'help'];
/** How long the instance may take for each thing that a completion asks it, in milliseconds. */
const PATIENCE = 500;

/** Carries out what is typed, until `quit` or the end of the input. */
export async function converse(session: Session, print: (outcome: Outcome) => void): Promise<number> {
  const { HOME } = process.env;
  let current = new AbortController();
  const lines = promptedLines({ input: process.stdin, output: process.stdout }, () => `(${session.name}) `, {
    history: HOME ? new History(`${HOME}/.uml_mconsole_history`) : undefined,
    complete: (line) => completionsOf(line, sourcesFor(session), process.cwd()),
    interrupt: () => current.abort(),
  });
  for await (const line of lines) {
    current = new AbortController();
    if (line.trim() !== '') print(await session.run(line, current.signal));
    if (session.finished) break;
  }
  return STATUS.success;
}

function sourcesFor(session: Session): CompletionSources {
  return {
    async commands() {
      const known = await session
        .console(PATIENCE)
        .commands()
        .catch(() => []);
      return [...known, ...LOCAL_COMMANDS];
    },
    devices: () => session.console(PATIENCE).devices(),
    umids: () => instancesOf(session.place).flatMap(({ umid, state }) => (state === 'stale' ? [] : [umid])),
  };
}
