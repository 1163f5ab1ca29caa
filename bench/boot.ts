// From starting the program to a shell prompt on an ext4 root in a COW file: the real linux.uml beside ours.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from '../scripts/support/child.ts';
import { findDemoRoot } from '../src/emulator/guest/index.ts';
import { rootImage, shim } from '../test/support/real-uml-parts.ts';
import { type Contender, compare } from './support/compare.ts';

export const name = 'boot: from exec to a shell prompt (init=/bin/sh), ext4 root in a new COW file, 16 ubd';

const binary = fileURLToPath(new URL('../dist/bin/linux', import.meta.url));
const ROUNDS = 7;
const DISKS = 'bcdefghijklmnop';
const PROMPT = /\/ # /;

export async function run(print: (line: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'uml-bench-'));
  const root = findDemoRoot();
  if (root === undefined) throw new Error('npm run guest comes first');
  try {
    const disks = Array.from(DISKS, (letter) => `ubd${letter}=${directory}/${letter}.cow,${root}`);
    const nics = Array.from(
      { length: 4 },
      (_, unit) => `eth${unit}=daemon,fe:fd:0:0:0:${unit},unix,${directory}/switch`,
    );
    const common = ['mem=128M', 'con=null', 'ssl=null', 'con0=fd:0,fd:1', 'init=/bin/sh', 'quiet', 'root=98:0', 'rw'];
    const uml = start('uml_switch', ['-unix', `${directory}/switch`], {});
    await uml.waitFor(/attached|$/);
    await compare(
      print,
      [
        boots(
          'linux.uml',
          'linux.uml',
          [`ubda=${directory}/real.cow,${rootImage()}`, ...disks, ...nics, ...common],
          directory,
          {
            LD_PRELOAD: shim(),
          },
        ),
        boots('linux', binary, [`ubda=${directory}/ours.cow,${root}`, ...disks, ...nics, ...common], directory, {}),
      ],
      { rounds: ROUNDS },
    );
    await uml.kill();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function boots(
  name: string,
  program: string,
  words: readonly string[],
  directory: string,
  env: Record<string, string>,
): Contender {
  return {
    name,
    async once() {
      const began = performance.now();
      const cache = process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? '/', '.cache');
      const child = start(program, words, { cwd: directory, env: { ...env, HOME: directory, XDG_CACHE_HOME: cache } });
      await child.waitFor(PROMPT);
      const took = performance.now() - began;
      await child.kill('SIGTERM');
      return took;
    },
  };
}
