import { readFileSync } from 'node:fs';
import { spawnProgram } from './run.ts';

/** The machine as some processes of a test see it: files, network and processes of their own. */
export interface PrivateMachine {
  /** The words that run a program inside, as root. */
  inside(...command: string[]): [string, ...string[]];
}

/**
 * Makes one: other files in the place of some of the machine's, an empty /run, no network but a loopback that is down,
 * and no processes. It ends with the test file, and all of its processes with it.
 * @param files what is to be seen at a path, which must be there: a path
 */
export async function privateMachine(files: Readonly<Record<string, string>>): Promise<PrivateMachine> {
  const mounts = Object.entries(files).map(([path, file]) => `mount --bind '${file}' '${path}' && `);
  const keeping = 'env --ignore-signal=CHLD cat'; // so that processes whose parents have ended leave no zombies
  const script = `mount -t tmpfs none /run && ${mounts.join('')}echo ready; exec ${keeping}`;
  const flags = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const keeper = spawnProgram('unshare', [...flags, 'sh', '-c', script]);
  await keeper.waitFor('ready');
  const first = readFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8').trim();
  return { inside: (...command) => ['nsenter', `--target=${first}`, '--mount', '--net', '--pid', ...command] };
}
