import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Outcome, root, runProgram, temporaryDirectory } from '../support/run.ts';

/** A Debian system of two programs: dpkg-query knows what is in the file `installed`, apt-get adds to it and keeps a log. */
function debian(installed: readonly string[], aptGet = ':'): { directory: string; log: () => string } {
  const directory = temporaryDirectory();
  const program = (name: string, script: string): void => {
    writeFileSync(join(directory, name), `#!/bin/sh\ncd ${directory}\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  };
  writeFileSync(join(directory, 'installed'), installed.map((name) => `${name}\n`).join(''));
  writeFileSync(join(directory, 'log'), '');
  program('dpkg-query', 'while read -r name; do echo "$name installed"; done < installed');
  program('apt-get', `echo "$@" >> log\n${aptGet}`);
  return { directory, log: () => readFileSync(join(directory, 'log'), 'utf8') };
}

/** Adds the packages named in its arguments, as apt-get would. */
const INSTALLS = 'for word; do case $word in -*|install|update|Dpkg*) ;; *) echo "$word" >> installed ;; esac; done';

function setup(directory: string, words = ['--for', 'test'], user: 'root' | 'somebody' = 'root'): Promise<Outcome> {
  const identity = `data:text/javascript,process.getuid = () => ${user === 'root' ? 0 : 1000}`;
  const args = ['--import', identity, join(root, 'scripts/setup.ts'), ...words];
  return runProgram(process.execPath, args, { env: { PATH: `${directory}:${process.env.PATH}` } });
}

test('installs what is missing after saying which, and nothing the second time', async () => {
  const { directory, log } = debian(['vde2', 'file'], INSTALLS);
  const first = await setup(directory);
  expect(first).toMatchObject({ status: 0, stderr: '' });
  const said = /^Installing Debian packages: (.*)\n$/.exec(first.stdout)?.[1]?.split(' ') ?? [];
  expect(said).toEqual(expect.arrayContaining(['uml-utilities', 'user-mode-linux']));
  expect(said).not.toEqual(expect.arrayContaining(['vde2']));
  const [update, install] = log().split('\n');
  expect(update).toMatch(/ update$/);
  expect(install).toContain(` install -y --no-install-recommends ${said.join(' ')}`);

  const second = await setup(directory);
  expect(second).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
  expect(log().trim().split('\n')).toHaveLength(2);
});

test('says what apt-get said when it fails', async () => {
  const { directory } = debian([], 'echo "E: no network" >&2; exit 100');
  const { status, stderr } = await setup(directory);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^E: no network\nsetup: apt-get .*update failed\n$/);
});

test('does not believe an apt-get that installed nothing', async () => {
  const { directory } = debian([]);
  const { status, stderr } = await setup(directory);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^setup: apt-get did not install .*uml-utilities/);
});

test('without root it prints the one command and stops', async () => {
  const { directory, log } = debian([], INSTALLS);
  const { status, stdout, stderr } = await setup(directory, ['--for', 'test'], 'somebody');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(
    /^setup: Debian packages are missing\. As root, run:\n {2}apt-get install -y .*uml-utilities.*\n$/,
  );
  expect(log()).toBe('');
});

test('a purpose that it does not know is an error', async () => {
  const { status, stderr } = await setup(debian([]).directory, ['--for', 'fun']);
  expect({ status, stderr }).toEqual({ status: 1, stderr: 'setup: --for needs one of guest, demo, test\n' });
});
