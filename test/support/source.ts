import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type Child, spawnProgram } from './run.ts';

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** The words that run a piece of TypeScript, with everything of a module of ours (its URL) as `it`. */
export function sourceCommand(module: URL, code: string): [string, ...string[]] {
  const source = `import * as it from ${JSON.stringify(module.href)};\n${code}`;
  return [process.execPath, '--import', tsx, '--input-type=module', '-e', source];
}

/** Runs a piece of TypeScript in a process of its own, with everything of a module of ours (its URL) as `it`. */
export function spawnSource(module: URL, code: string): Child {
  const [file, ...words] = sourceCommand(module, code);
  return spawnProgram(file, words);
}
