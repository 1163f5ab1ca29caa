import { createReadStream } from 'node:fs';
import { instancesOf, linesOf } from '../../lib/mconsole/index.ts';
import type { Arguments } from './arguments.ts';
import { type Outcome, printJson, printText, STATUS } from './outcome.ts';
import { Session } from './session.ts';

/** Carries out a command, or a script, on each instance whose umid fits. The status of the first that fails. */
export async function askSeveral(args: Arguments): Promise<number> {
  const { pattern = '*', umlDir, timeout, words, script } = args;
  const found = instancesOf({ umlDir }, pattern).filter(({ state }) => state !== 'stale');
  if (found.length === 0) {
    process.stderr.write(`uml_mconsole: no instance's umid fits '${pattern}'\n`);
    return STATUS.notFound;
  }
  const sessions = found.map(({ umid, socketPath }) => new Session(umid, { umlDir, timeout }, socketPath));
  if (script !== undefined) return runScript(sessions, script, args);
  return show(await onAll(sessions, words.join(' ')), args);
}

/**
 * Carries out the commands of a file, or of standard input, a line each, without prompts. Empty lines and those that
 * begin with `#` are left out. The status of the first command that fails; the others are carried out all the same.
 */
export async function runScript(sessions: readonly Session[], script: string, args: Arguments): Promise<number> {
  let status: number = STATUS.success;
  for await (const line of linesOf(script === '-' ? process.stdin : createReadStream(script))) {
    if (/^\s*(#|$)/.test(line)) continue;
    const came = show(await onAll(sessions, line), args);
    status ||= came;
    if (sessions.every(({ finished }) => finished)) break;
  }
  return status;
}

/** Side by side: one that does not answer delays the others by one time-out, not by its own each. */
function onAll(sessions: readonly Session[], line: string): Promise<Outcome[]> {
  return Promise.all(sessions.map((session) => session.run(line)));
}

function show(outcomes: readonly Outcome[], { json, pattern }: Arguments): number {
  for (const outcome of outcomes) {
    if (json) printJson(outcome);
    else printText(pattern === undefined ? outcome : named(outcome));
  }
  return outcomes.find(({ status }) => status !== STATUS.success)?.status ?? STATUS.success;
}

/** Tells which of several instances it was. */
function named({ instance, stdout, complaints, ...rest }: Outcome): Outcome {
  return {
    ...rest,
    instance,
    stdout: stdout.length > 0 ? Buffer.concat([Buffer.from(`${instance}: `), stdout]) : stdout,
    complaints: complaints.map((line) => `${instance}: ${line}`),
  };
}
