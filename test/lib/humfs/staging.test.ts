/** What an earlier run left in `.humfsify`, or somebody else put there. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { convertTree } from '../../../src/lib/humfs/index.ts';
import { Directory } from '../../../src/lib/os/index.ts';
import { temporaryDirectory } from '../../support/run.ts';

let root: string;
beforeEach(() => {
  root = temporaryDirectory();
  mkdirSync(join(root, 'data/sub'), { recursive: true });
  mkdirSync(join(root, '.humfsify'));
});
const convert = () => convertTree({ directory: root, owner: { uid: 0, gid: 0 }, total: 10n ** 9n });
const leave = (text: string) => writeFileSync(join(root, '.humfsify/times'), text);
const time = { seconds: 1_000_000_000, nanoseconds: 7 };
const held = { path: 'sub', temporary: '.humfsify-0', atime: time, mtime: time };

test('a killed run’s directory gets its times back, however long its path is', async () => {
  const names = new Array<string>(60).fill('\x01'.repeat(255)); // six characters each, written down
  let at = Directory.open(join(root, 'data'));
  for (const name of names) {
    at.makeDirectory(name, 0o755);
    at = at.enter(name);
  }
  at.create('.humfsify-0', Buffer.from('half made'), 0o600);
  leave(JSON.stringify({ ...held, path: names.join('/') }));
  await convert();
  expect(at.list()).toEqual([]);
  expect(at.status('.').mtime).toEqual(time);
  const top = Directory.open(root);
  for (const name of top.list()) top.removeTree(name); // rmSync() is at its end where a path is
});

test.each([
  ['no JSON', '{'],
  ['a list', '[]'],
  ['nothing', 'null'],
  ['a time that is a word', JSON.stringify({ ...held, atime: { seconds: 'x', nanoseconds: 1 } })],
  ['a time that is a fraction', JSON.stringify({ ...held, mtime: { seconds: 1.5, nanoseconds: 1 } })],
  ['too many nanoseconds', JSON.stringify({ ...held, mtime: { seconds: 1, nanoseconds: 1e9 } })],
  ['no time', JSON.stringify({ ...held, mtime: null })],
  ['a path out of the tree', JSON.stringify({ ...held, path: '../..' })],
  ['a directory that is gone', JSON.stringify({ ...held, path: 'gone' })],
  ['a name that humfsify doesn’t give', JSON.stringify({ ...held, temporary: '.humfsify-0/../mine' })],
])('%s is no obstacle', async (_what, text) => {
  writeFileSync(join(root, 'data/mine'), '');
  leave(text);
  await convert();
  expect(existsSync(join(root, 'data/mine'))).toBe(true);
  expect(existsSync(join(root, '.humfsify'))).toBe(false);
});
