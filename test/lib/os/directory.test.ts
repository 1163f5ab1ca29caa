import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Directory } from '../../../src/lib/os/index.ts';
import { temporaryDirectory } from '../../support/run.ts';

let path: string;
let directory: Directory;
beforeEach(() => {
  path = temporaryDirectory();
  directory = Directory.open(path);
});
afterEach(() => directory.close());

test('names are bytes', () => {
  const names = ['a b', 'new\nline', '\xff\xfe', '"\'$(x);`', '*'].sort();
  for (const name of names) directory.create(name, Buffer.from('x'), 0o644);
  expect(directory.list()).toEqual(names);
  expect(directory.read('\xff\xfe', 10).toString()).toBe('x');
});

test('tells all that stat(1) tells', () => {
  directory.makeNode('null', 'char', { mode: 0o640, major: 1, minor: 3 });
  directory.makeNode('big', 'block', { major: 4095, minor: 1048575 });
  directory.makeNode('fifo', 'fifo');
  directory.makeNode('socket', 'socket');
  directory.create('file', Buffer.alloc(10_000), 0o600);
  directory.link('file', directory, 'link');
  directory.chown('file', 123, 4_000_000_000);
  directory.chmod('file', 0o6755);
  symlinkSync('nowhere', join(path, 'symlink'));
  directory.chown('symlink', 7, 8);
  const times = { seconds: -5, nanoseconds: 123_456_789 };
  directory.setTimes('symlink', times, { seconds: 4_000_000_000, nanoseconds: 999_999_999 });
  mkdirSync(join(path, 'directory'), { mode: 0o700 });

  for (const name of directory.list()) {
    const status = directory.status(name);
    const stat = execFileSync('stat', ['-c', '%f %u %g %h %i %t %T %s %b %.9X %.9Y', join(path, name)], {
      encoding: 'utf8',
    })
      .trim()
      .split(' ');
    const { seconds, nanoseconds } = status.mtime;
    expect(
      [
        status.mode,
        status.uid,
        status.gid,
        status.links,
        status.identity.split(':')[2],
        status.major.toString(16),
        status.minor.toString(16),
        status.size,
        status.allocated / 512,
        `${seconds}.${String(nanoseconds).padStart(9, '0')}`,
      ].map(String),
      name,
    ).toEqual([String(Number.parseInt(stat[0]!, 16) & 0o7777), ...stat.slice(1, 9), stat[10]]);
  }
  expect(directory.status('symlink').atime).toEqual(times);
  const types = directory.list().map((name) => [name, directory.status(name).type]);
  expect(Object.fromEntries(types)).toEqual({
    ...{ big: 'block', null: 'char', directory: 'directory', fifo: 'fifo', file: 'file', link: 'file' },
    ...{ socket: 'socket', symlink: 'symlink' },
  });
  expect(directory.status('file').identity).toBe(directory.status('link').identity);
});

test('no link leads out of it', () => {
  writeFileSync(join(path, 'target'), 'old', { mode: 0o600 });
  symlinkSync('target', join(path, 'link'));
  symlinkSync('/', join(path, 'root'));
  expect(() => directory.enter('root')).toThrow('Not a directory');
  expect(() => directory.read('link', 10)).toThrow('Too many levels of symbolic links');
  expect(() => directory.overwrite('link', Buffer.from('new'))).toThrow('Too many levels of symbolic links');
  expect(() => directory.chmod('link', 0o777)).toThrow();
  directory.chown('link', 1, 1);
  for (const name of ['..', 'a/b', '', 'nul\0']) expect(() => directory.status(name)).toThrow('Invalid argument');
  expect(readFileSync(join(path, 'target'), 'utf8')).toBe('old');
  expect(statSync(join(path, 'target'))).toMatchObject({ mode: 0o100600, uid: 0 });
  expect(lstatSync(join(path, 'link')).uid).toBe(1);
});

test('what is not there', () => {
  expect(directory.look('x')).toBeUndefined();
  expect(() => directory.status('x')).toThrow(expect.objectContaining({ code: 'ENOENT', path: 'x' }));
  directory.removeTree('x');
});

test('a tree that is deeper than a path can be long is removed', () => {
  let at = directory;
  for (let i = 0; i < 100; i++) {
    at.makeDirectory('d'.repeat(200), 0o755);
    at.create('file', Buffer.from('x'), 0o644);
    const next = at.enter('d'.repeat(200));
    if (at !== directory) at.close();
    at = next;
  }
  at.close();
  directory.removeTree('d'.repeat(200));
  expect(directory.list()).toEqual(['file']);
});

test('one at a time', () => {
  const other = Directory.open(path);
  expect(directory.lock()).toBe(true);
  expect(other.lock()).toBe(false);
  other.close();
});
