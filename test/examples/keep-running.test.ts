import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { connect } from '../../src/lib/mconsole/index.ts';
import { type Child, root, spawnProgram, temporaryDirectory } from '../support/run.ts';

let home: string;
beforeEach(() => {
  home = temporaryDirectory();
  if (!existsSync(join(root, 'dist/mconsole.js'))) throw new Error('the example imports what was built: npm run build');
});

/** The example over an instance that is played: it comes up at once. */
function watching(env: Record<string, string> = {}): Child {
  const instance = [process.execPath, '--import', import.meta.resolve('tsx'), 'test/fixtures/played-instance.ts'];
  return spawnProgram(process.execPath, ['examples/keep-running.mjs', 'kept', ...instance], {
    cwd: root,
    env: { HOME: home, UML_DIR: undefined, TMPDIR: home, ...env },
  });
}

const kept = () => connect('kept', { environment: { HOME: home } });

it('the example starts an instance again that panics or is killed, and leaves one halted that halts', async () => {
  const example = watching();
  await example.waitFor('kept is up: 6.1.0, 64M\n');
  await kept().command('crash');
  await example.waitFor('kept panics: played to death\n');
  await example.waitFor('kept ended with SIGABRT\nkept starting again, for the 2. time\n');
  await example.waitFor('kept is up: 6.1.0, 64M\n');
  await kept().halt();
  await example.waitFor('kept ended with status 0\n');
  expect((await example.exit()).status).toBe(0);
  expect(readdirSync(home).filter((name) => name.startsWith('keep-running'))).toEqual([]);
  expect(readdirSync(`${home}/.uml`)).toEqual([]);
});

it('the example kills an instance that hangs, and starts it again', async () => {
  const example = watching({ CHECK_SECONDS: '2' });
  await example.waitFor('kept is up: 6.1.0, 64M\n');
  await kept().command('hang');
  await example.waitFor(/kept does not answer: '.*' did not answer within 2 seconds\nkept ended with SIGKILL\n/);
  await example.waitFor('kept is up: 6.1.0, 64M\n');
  expect((await example.kill('SIGTERM')).status).toBe(0);
});

it('the example halts its instance when it is asked to end', async () => {
  const example = watching();
  await example.waitFor('kept is up: 6.1.0, 64M\n');
  const { status, stderr } = await example.kill('SIGTERM');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(readdirSync(home).filter((name) => name.startsWith('keep-running'))).toEqual([]);
});
