// What a request to a running instance costs: a process a request, as scripts do it, and many over one process.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '../src/lib/mconsole/index.ts';
import { startRealUml } from '../test/support/real-uml.ts';
import { type Contender, compare } from './support/compare.ts';

export const name = "mconsole: 'version' asked of Debian's linux.uml";

const root = fileURLToPath(new URL('..', import.meta.url));
const ours = join(root, 'dist/bin/uml_mconsole');
const theirs = '/usr/bin/uml_mconsole';
const ROUNDS = 21;
const MANY_ROUNDS = 7;
const REQUESTS = 1000;
/** The C tool needs a process a request; fewer of them, counted by the request, tell the same. */
const PROCESSES = 200;

export async function run(print: (line: string) => void): Promise<void> {
  if (!existsSync(ours)) throw new Error('npm run build comes first');
  const uml = await startRealUml({ umid: 'debian' });
  try {
    const env = { ...process.env, HOME: uml.home };
    const words = ['debian', 'version'];
    const npm = [join(root, 'dist/uml.cjs'), 'uml_mconsole', ...words];
    print('a whole process, from exec to exit:');
    await compare(
      print,
      [
        program('bare node', process.execPath, ['-e', '0'], env),
        program('uml_mconsole (binary)', ours, words, env),
        program('uml_mconsole (npm)', process.execPath, npm, env),
        program('uml_mconsole (C)', theirs, words, env),
      ],
      { rounds: ROUNDS },
    );
    print('');
    print('a request of many:');
    const console = connect(uml.socket);
    const loop = `for i in $(seq ${PROCESSES}); do ${theirs} debian version; done`;
    const script = 'version\n'.repeat(REQUESTS);
    const contenders: Contender[] = [
      per(PROCESSES, program('C client, a process a request', '/bin/sh', ['-c', loop], env)),
      per(REQUESTS, program('binary, --script over one process', ours, ['--script', '-', 'debian'], env, script)),
      per(REQUESTS, {
        name: 'library, one program',
        async once() {
          const began = performance.now();
          for (let i = 0; i < REQUESTS; i++) await console.version();
          return performance.now() - began;
        },
      }),
    ];
    await compare(print, contenders, { rounds: MANY_ROUNDS, unit: 'us a request' });
  } finally {
    await uml.stop();
  }
}

function program(
  name: string,
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input?: string,
): Contender {
  return {
    name,
    once() {
      const began = performance.now();
      const { error, status, stderr } = spawnSync(file, args, { env, encoding: 'utf8', ...(input && { input }) });
      if (error) throw error;
      if (status !== 0) throw new Error(`${name}: status ${status}: ${stderr}`);
      return performance.now() - began;
    },
  };
}

/** Counts by the request, in microseconds. */
function per(requests: number, { name, once }: Contender): Contender {
  return { name, once: async () => (((await once()) ?? 0) * 1000) / requests };
}
