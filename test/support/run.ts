import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll } from 'vitest';
import { type Child, type ChildOptions, type Outcome, run, start } from '../../scripts/support/child.ts';

export type { Child, ChildOptions, Outcome };

/** The project's root. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * How the tools are run: from the sources, or with UML_TEST_PROGRAM=FILE from a bundle (`dist/uml.cjs`) or a binary
 * (`dist/bin/uml`), so that the same black-box tests prove what is shipped.
 */
const program: readonly [string, ...string[]] = programOf(process.env.UML_TEST_PROGRAM);

function programOf(file: string | undefined): [string, ...string[]] {
  if (file?.endsWith('.cjs')) return [process.execPath, join(root, file)];
  if (file) return [join(root, file)];
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return [process.execPath, '--import', tsx, join(root, 'src/main.ts')];
}

const children: Child[] = [];
const directories: string[] = [];

afterAll(async () => {
  for (const child of children) await child[Symbol.asyncDispose]();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** The words that run a tool of ours, for tests that start it through another program (`ip netns exec`, `setpriv`). */
export function toolCommand(tool: string, args: readonly string[]): [string, ...string[]] {
  return [...program, tool, ...args];
}

/** Runs a tool of ours to its end; its input is empty unless `stdin` is given. */
export function runTool(tool: string, args: readonly string[], options: ChildOptions = {}): Promise<Outcome> {
  const [file, ...words] = toolCommand(tool, args);
  return run(file, words, options);
}

/** Starts a tool of ours that goes on running: `waitFor` its output, `write` to it, `kill` it. Killed at the end of the test file. */
export function spawnTool(tool: string, args: readonly string[], options: ChildOptions = {}): Child {
  const [file, ...words] = toolCommand(tool, args);
  return spawnProgram(file, words, options);
}

/**
 * A script that is a tool of ours, for programs that start it themselves (UML, telnetd): its path, removed at the end of
 * the test file.
 * @param first words before those that it is given
 */
export function toolScript(tool: string, ...first: readonly string[]): string {
  const words = [...program, tool, ...first].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const script = join(temporaryDirectory(), tool);
  writeFileSync(script, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, { mode: 0o755 });
  return script;
}

/** Runs any program to its end. */
export const runProgram = run;

/** Starts any program; killed at the end of the test file if it still runs. */
export function spawnProgram(file: string, args: readonly string[], options: ChildOptions = {}): Child {
  const child = start(file, args, options);
  children.push(child);
  return child;
}

/** A new empty directory with a short path (socket names end at 107 bytes), removed at the end of the test file. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'uml-'));
  directories.push(directory);
  return directory;
}
