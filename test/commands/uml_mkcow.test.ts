import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { openDisk, parseHeader } from '../../src/lib/cow/index.ts';
import { makeImage } from '../lib/cow/images.ts';
import { runTool, temporaryDirectory } from '../support/run.ts';

let cwd: string;
beforeEach(() => {
  cwd = temporaryDirectory();
  makeImage(join(cwd, 'back'), 1 << 20);
});
const mkcow = (...args: string[]) => runTool('uml_mkcow', args, { cwd });
const silent = { status: 0, signal: null, stdout: '', stderr: '' };

const USAGE = `uml_mkcow usage: \n\tuml_mkcow [-f] <COW file> <backing file>\n\t-f forces overwrite of an existing COW file\n`;

test('makes a sparse, empty COW file; the rest of its header is zeros', async () => {
  expect(await mkcow('c1', 'back', 'ignored')).toEqual(silent);
  expect(statSync(join(cwd, 'c1'))).toMatchObject({ size: 1060864, mode: 0o100644 });
  const bytes = readFileSync(join(cwd, 'c1'));
  const header = parseHeader(bytes.subarray(0, 4136), 'c1');
  expect(header.backing.toString()).toBe(join(cwd, 'back'));
  expect(bytes.subarray(32 + header.backing.length).every((byte) => byte === 0)).toBe(true);
});

test('stores the real directory, and a link at the end as it is', async () => {
  mkdirSync(join(cwd, 'sub'));
  symlinkSync('sub', join(cwd, 'link'));
  symlinkSync('../back', join(cwd, 'sub/b'));
  expect(await mkcow('c', 'link/b')).toEqual(silent);
  const header = parseHeader(readFileSync(join(cwd, 'c')).subarray(0, 4136), 'c');
  expect(header.backing.toString()).toBe(join(cwd, 'sub/b'));
  expect(header.size).toBe(1 << 20);
});

test('too few words, or an option that it does not know: the usage', async () => {
  for (const args of [['only'], ['-f', 'only'], ['-x', 'back']]) {
    expect(await mkcow(...args)).toEqual({ ...silent, status: 2, stderr: USAGE });
  }
  expect(readdirSync(cwd)).toEqual(['back']);
});

test('does not touch what is there', async () => {
  writeFileSync(join(cwd, 'c1'), 'mine');
  for (const args of [
    ['c1', 'back'],
    ['c1', 'back', '-f'],
  ]) {
    expect(await mkcow(...args)).toEqual({ ...silent, status: 1, stderr: 'open COW file: File exists\n' });
  }
  expect(readFileSync(join(cwd, 'c1'), 'utf8')).toBe('mine');
});

test('-f leaves nothing of the old file', async () => {
  writeFileSync(join(cwd, 'c1'), randomBytes(4 << 20));
  expect(await mkcow('-f', 'c1', 'back')).toEqual(silent);
  const disk = await openDisk({ file: join(cwd, 'c1') }, () => {});
  const bytes = Buffer.alloc(disk.size);
  await disk.read(0, bytes);
  await disk.close();
  expect(bytes.equals(readFileSync(join(cwd, 'back')))).toBe(true);
});

test('-f refuses the backing file itself, and a COW file in use', async () => {
  const before = readFileSync(join(cwd, 'back'));
  expect(await mkcow('-f', 'back', 'back')).toEqual({
    ...silent,
    status: 1,
    stderr: 'open COW file: "back" is the same file as the backing file "back"\n',
  });
  expect(readFileSync(join(cwd, 'back')).equals(before)).toBe(true);

  const disk = await openDisk({ file: join(cwd, 'c1'), backing: join(cwd, 'back') }, () => {});
  expect(await mkcow('-f', 'c1', 'back')).toEqual({
    ...silent,
    status: 1,
    stderr: `open COW file: "c1" is in use by process ${process.pid}\n`,
  });
  await disk.close();
});

test('a backing file that is missing or a directory: the right error, and no COW file', async () => {
  expect(await mkcow('c2', 'nosuch')).toEqual({
    status: 1,
    signal: null,
    stdout: `write_cow_header - backing file '${join(cwd, 'nosuch')}' mtime request failed, err = 2\n`,
    stderr: 'write_cow_header: No such file or directory\n',
  });
  expect(await mkcow('c2', 'no/such')).toEqual({
    status: 1,
    signal: null,
    stdout: `absolutize : Can't cd to 'no/such' - errno = 2\n`,
    stderr: 'write_cow_header: No such file or directory\n',
  });
  expect(await mkcow('c2', '/tmp')).toMatchObject({ status: 1, stderr: 'write_cow_header: Is a directory\n' });
  expect(existsSync(join(cwd, 'c2'))).toBe(false);
});

test('a COW file that can not be made', async () => {
  expect(await mkcow('no/c', 'back')).toEqual({
    ...silent,
    status: 1,
    stderr: 'open COW file: No such file or directory\n',
  });
});
