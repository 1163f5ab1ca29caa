import { table } from '../../lib/cli/index.ts';
import { type DiscoveredInstance, discover } from '../../lib/mconsole/index.ts';
import type { Arguments } from './arguments.ts';
import { STATUS } from './outcome.ts';

const MEBIBYTE = 2 ** 20;
const HEADINGS = ['UMID', 'STATE', 'PID', 'KERNEL', 'MEMORY', 'DIRECTORY'];

/** Prints the instances of this user: a table, or a line of JSON for each. */
export async function list({ umlDir, json }: Arguments): Promise<number> {
  const instances = await discover({ umlDir });
  if (json) for (const instance of instances) process.stdout.write(`${JSON.stringify(jsonOf(instance))}\n`);
  else for (const line of table([HEADINGS, ...instances.map(rowOf)])) process.stdout.write(`${line}\n`);
  return STATUS.success;
}

function rowOf({ umid, state, pid, kernel, memory, path }: DiscoveredInstance): string[] {
  const size = memory === undefined ? '-' : `${Math.round(memory / MEBIBYTE)}M`;
  return [umid, state, String(pid ?? '-'), kernel?.release ?? '-', size, path];
}

function jsonOf({ umid, state, pid, kernel, memory, path, socketPath }: DiscoveredInstance): object {
  return { umid, state, pid, kernel: kernel?.text, memory, directory: path, socket: socketPath };
}
