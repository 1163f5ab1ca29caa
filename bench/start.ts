// How long a tool takes from exec to exit when it has next to nothing to do.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Contender, compare } from './support/compare.ts';

export const name = 'start: from exec to exit of a call that only prints its usage or an error';

const root = fileURLToPath(new URL('..', import.meta.url));
const binary = join(root, 'dist/bin/uml');
const ROUNDS = 21;

/** Calls that end at once, of ours and of the C tools alike. */
const CALLS: readonly (readonly [string, ...string[]])[] = [
  ['uml_moo'],
  ['uml_mkcow'],
  ['uml_switch', '-bogus'],
  ['uml_mconsole', 'no-such-umid', 'version'],
];

export async function run(print: (line: string) => void): Promise<void> {
  if (!existsSync(binary)) throw new Error('npm run build comes first');
  const node: Contender = program('bare node', process.execPath, ['-e', '0']);
  for (const [tool, ...args] of CALLS) {
    const c = `/usr/bin/${tool}`;
    const ours = [
      program(`${tool} (binary)`, join(root, 'dist/bin', tool), args),
      program(`${tool} (npm)`, process.execPath, [join(root, 'dist/uml.cjs'), tool, ...args]),
    ];
    await compare(print, [node, ...ours, ...(existsSync(c) ? [program(`${tool} (C)`, c, args)] : [])], {
      rounds: ROUNDS,
    });
    print('');
  }
}

function program(name: string, file: string, args: readonly string[]): Contender {
  return {
    name,
    once() {
      const { error } = spawnSync(file, args, { stdio: 'ignore' });
      if (error) throw error;
      return undefined;
    },
  };
}
