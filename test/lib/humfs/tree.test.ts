import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { convertTree, type Metadata, MetadataTree, restoreTree } from '../../../src/lib/humfs/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { makeTree } from './trees.ts';

let root: string;
let tree: MetadataTree;
beforeEach(async () => {
  root = temporaryDirectory();
  makeTree(root);
  await convertTree({ directory: root, owner: { uid: 1000, gid: 1000 }, total: 10n ** 9n });
  tree = MetadataTree.open(root);
});
afterEach(() => tree.close());

const at = (...names: string[]) => join(root, ...names);
const some: Metadata = { mode: 0o640, uid: 5, gid: 6 };

test('reads what humfsify recorded', () => {
  expect(tree.superblock.total).toBe(10n ** 9n);
  expect(tree.read('', 'directory')).toEqual({ mode: 0o755, uid: 0, gid: 0 });
  expect(tree.read('tmp', 'directory').mode).toBe(0o1777);
  expect(tree.read('/su', 'file')).toEqual({ mode: 0o6755, uid: 0, gid: 5 });
  expect(tree.read('dev/big', 'file').node).toEqual({ type: 'block', major: 259, minor: 300 });
  expect(tree.read('etc', 'directory').mode).toBe(0o755);
  expect(tree.read('etc/metadata', 'directory').mode).toBe(0o755);
  const odd = Buffer.from('746d702ffffe80', 'hex'); // tmp/ and bytes that are no text
  expect(tree.read(odd, 'file')).toEqual({ mode: 0o644, uid: 0, gid: 0 });
});

test('a change shows under all names of a file, and in the format of the kernel', () => {
  tree.write('etc/hello', 'file', some);
  expect(tree.read('etc/metadata/hard', 'file')).toEqual(some);
  expect(readFileSync(at('file_metadata/etc/hello'), 'utf8')).toBe('416 5 6\n');
  tree.write('etc', 'directory', { mode: 0o700, uid: 1, gid: 2 });
  expect(tree.read('etc', 'directory')).toEqual({ mode: 0o700, uid: 1, gid: 2 });
});

test('create, link, rename and remove files', () => {
  tree.create('tmp/tty', 'file', { ...some, node: { type: 'char', major: 4, minor: 0 } });
  expect(readFileSync(at('file_metadata/tmp/tty'), 'utf8')).toBe('416 5 6 c 4 0\n');
  tree.link('tmp/tty', 'dev/tty');
  expect(statSync(at('file_metadata/dev/tty')).ino).toBe(statSync(at('file_metadata/tmp/tty')).ino);
  tree.rename('tmp/tty', 'su', 'file');
  expect(tree.read('su', 'file').node).toEqual({ type: 'char', major: 4, minor: 0 });
  tree.remove('dev/tty', 'file');
  expect(() => tree.read('dev/tty', 'file')).toThrow(expect.objectContaining({ code: 'system' }));
  expect(() => tree.rename('nosuch', 'x', 'file')).toThrow('No such file or directory');
});

test('directories, also of the name that the metadata files have', () => {
  tree.create('dev/metadata', 'file', some);
  tree.create('new', 'directory', some);
  tree.create('new/metadata', 'directory', { mode: 0o711, uid: 1, gid: 1 });
  tree.create('new/metadata/file', 'file', some);
  expect(tree.read('new', 'directory')).toEqual(some);
  expect(tree.read('new/metadata', 'directory').mode).toBe(0o711);
  tree.rename('new/metadata', 'tmp/metadata', 'directory');
  expect(tree.read('tmp', 'directory').mode).toBe(0o1777);
  expect(tree.read('tmp/metadata', 'directory').mode).toBe(0o711);
  expect(tree.read('tmp/metadata/file', 'file')).toEqual(some);
  tree.remove('tmp/metadata', 'directory');
  expect(() => tree.read('tmp/metadata/file', 'file')).toThrow('No such file');
});

test('what a guest does is what humfsify -r gives back', async () => {
  tree.create('made', 'directory', { mode: 0o2750, uid: 3, gid: 4 });
  mkdirSync(at('data/made'));
  tree.create('made/null', 'file', { mode: 0o600, uid: 7, gid: 8, node: { type: 'char', major: 1, minor: 3 } });
  writeFileSync(at('data/made/null'), '');
  tree.remove('su', 'file');
  rmSync(at('data/su'));
  expect(await restoreTree({ directory: root })).toMatchObject({ problems: [] });
  expect(statSync(at('data/made'))).toMatchObject({ mode: 0o42750, uid: 3, gid: 4 });
  expect(statSync(at('data/made/null'))).toMatchObject({ mode: 0o20600, uid: 7, gid: 8, rdev: 0x103 });
});

test('no path leads out of it', () => {
  symlinkSync('/etc', at('file_metadata/link'));
  symlinkSync('/etc/passwd', at('file_metadata/passwd'));
  for (const path of ['link/passwd', '../superblock', 'passwd', 'nul\0', '..', '']) {
    expect(() => tree.read(path, 'file'), path).toThrow(expect.objectContaining({ name: 'HumfsError' }));
  }
});

test('what the kernel does not mount is not opened', () => {
  appendFileSync(at('superblock'), 'quota 5\n');
  expect(() => MetadataTree.open(root)).toThrow("Bogus superblock - the line 'quota 5'");
  writeFileSync(at('superblock'), 'version 1\nused 1\ntotal 2\n');
  expect(() => MetadataTree.open(root)).toThrow('Unsupported version - 1');
  rmSync(at('superblock'));
  expect(() => MetadataTree.open(root)).toThrow("Couldn't open 'superblock' - No such file or directory");
});
