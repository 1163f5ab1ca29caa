import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Directory } from '../../src/lib/os/index.ts';
import { runTool, temporaryDirectory } from '../support/run.ts';

let root: string;
beforeEach(() => {
  root = temporaryDirectory();
  mkdirSync(join(root, 'data'));
});
afterEach(() => {
  const top = Directory.open(root);
  for (const name of top.list()) top.removeTree(name); // rmSync() is at its end where a path is
  top.close();
});
const humfsify = (...args: string[]) => runTool('humfsify', args, { cwd: root });
const silent = { status: 0, signal: null, stdout: '', stderr: '' };

/** Makes directories in one another, and leads to the last of them. */
function makeDirectories(names: readonly string[]): Directory {
  let at = Directory.open(join(root, 'data'));
  for (const name of names) {
    at.makeDirectory(name, 0o700);
    const inner = at.enter(name);
    at.close();
    at = inner;
  }
  return at;
}

test('paths over PATH_MAX', async () => {
  const names = Array.from({ length: 20 }, (_, i) => String.fromCharCode(0xe0 + i).repeat(255));
  const bottom = makeDirectories(names);
  bottom.makeNode('null', 'char', { mode: 0o600, major: 1, minor: 3 });
  bottom.setTimes('.', { seconds: -5, nanoseconds: 6 }, { seconds: -7, nanoseconds: 8 });
  const before = bottom.status('null');
  expect(await humfsify('1000', '1001', '1G')).toEqual(silent);
  expect(bottom.status('null')).toMatchObject({ type: 'file', mode: 0o755, uid: 1000, gid: 1001 });
  expect(await humfsify('-r')).toEqual(silent);
  const { identity, ...rest } = before;
  expect(bottom.status('null')).toMatchObject(rest);
  expect(bottom.status('.')).toMatchObject({ mode: 0o700, uid: 0, mtime: { seconds: -7, nanoseconds: 8 } });
  bottom.close();
});
