import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lookupGroup, lookupUser } from '../../../src/lib/os/index.ts';
import { spawnProgram, temporaryDirectory } from '../../support/run.ts';
import { sourceCommand, spawnSource } from '../../support/source.ts';

const os = new URL('../../../src/lib/os/index.ts', import.meta.url);

/** What getent(1) of the C library prints for a key, by its fields. */
function getent(database: 'passwd' | 'group', key: string): string[] {
  return execFileSync('getent', [database, key], { encoding: 'utf8' }).trimEnd().split(':');
}

test('users are found by name and by uid, as the C library finds them', () => {
  const [name, , uid, gid] = getent('passwd', 'nobody');
  const nobody = { name, uid: Number(uid), gid: Number(gid) };
  expect(lookupUser('nobody')).toEqual(nobody);
  expect(lookupUser(nobody.uid)).toEqual(nobody);
  expect(lookupUser(0)).toEqual({ name: 'root', uid: 0, gid: 0 });
});

test('groups are found by name and by gid', () => {
  const [name, , gid] = getent('group', 'nogroup');
  const nogroup = { name, gid: Number(gid) };
  expect(lookupGroup('nogroup')).toEqual(nogroup);
  expect(lookupGroup(nogroup.gid)).toEqual(nogroup);
  expect(lookupGroup(0)).toEqual({ name: 'root', gid: 0 });
});

test('a name is not taken for a number, nor a part of it for the name', () => {
  for (const name of ['0', '', 'no such user', 'root\0x', 'x'.repeat(5000)]) {
    expect(lookupUser(name)).toBeUndefined();
    expect(lookupGroup(name)).toBeUndefined();
  }
  expect(lookupUser(0xfffffff0)).toBeUndefined();
  expect(lookupGroup(0xfffffff0)).toBeUndefined();
});

test('a group with more members than the first room holds is found', async () => {
  const file = join(temporaryDirectory(), 'group');
  writeFileSync(file, `crowd:x:4242:${Array.from({ length: 5000 }, (_, i) => `member${i}`).join(',')}\n`);
  const lookup = sourceCommand(os, `console.log(JSON.stringify([it.lookupGroup('crowd'), it.lookupGroup(4242)]));`);
  const script = 'mount --bind "$0" /etc/group && exec "$@"';
  const child = spawnProgram('unshare', ['--mount', 'sh', '-c', script, file, ...lookup]);
  const crowd = { name: 'crowd', gid: 4242 };
  expect(await child.exit()).toMatchObject({ status: 0, stdout: `${JSON.stringify([crowd, crowd])}\n`, stderr: '' });
});

test('a lookup that could not be done is no missing user', async () => {
  const child = spawnSource(
    os,
    `import { openSync } from 'node:fs';
     it.lookupUser('root');
     try { for (;;) openSync('/dev/null', 'r'); } catch {}
     try { it.lookupUser('nobody'); } catch (error) { console.log(error.message); }`,
  );
  expect(await child.exit()).toMatchObject({ status: 0, stdout: 'getpwnam_r: Too many open files\n' });
});
