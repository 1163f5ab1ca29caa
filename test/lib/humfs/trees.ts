import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Directory, type FileType, type Status, type Timestamp } from '../../../src/lib/os/index.ts';

/** A time that every object of a test tree gets, each another one. */
const FIRST: Timestamp = { seconds: 981_173_106, nanoseconds: 789_012_345 };

/** Makes `data` in a directory: one object of each sort that is treated in a way of its own, and no more. */
export function makeSmallTree(root: string): void {
  makeSorts(join(root, 'data'));
  setTimes(Directory.open(join(root, 'data')), { ...FIRST });
}

/** Makes `data` in a directory: the same and more of each, odd names, read-only directories. */
export function makeTree(root: string): void {
  const data = join(root, 'data');
  makeSorts(data);
  for (const directory of ['etc/sub', 'etc/metadata/inner', 'tmp']) mkdirSync(join(data, directory));
  writeFileSync(join(data, 'etc/shadow'), 'secret\n');
  for (const name of ['with space', 'quo"te', 'a;touch INJECTED', 'new\nline', '-rf', '*', '\\']) {
    writeFileSync(join(data, 'tmp', name), name);
  }
  writeFileSync(Buffer.concat([Buffer.from(join(data, 'tmp/')), Buffer.from([0xff, 0xfe, 0x80])]), 'bytes');
  symlinkSync('/nonexistent', join(data, 'etc/dangling'));
  inside(join(data, 'dev'), (dev) => dev.makeNode('fifo', 'fifo', { mode: 0o600 }));
  inside(join(data, 'etc'), (etc) => {
    etc.chmod('shadow', 0o600);
    etc.chown('shadow', 0, 42);
    etc.chown('sub', 1000, 4_000_000_000);
    etc.chmod('sub', 0o2550);
  });
  inside(data, (top) => top.chmod('tmp', 0o1777));
  setTimes(Directory.open(data), { ...FIRST });
}

function makeSorts(data: string): void {
  for (const directory of ['etc/metadata', 'dev/pts']) mkdirSync(join(data, directory), { recursive: true });
  writeFileSync(join(data, 'etc/hello'), 'hello\n');
  writeFileSync(join(data, 'dev/metadata'), 'a file of that name\n');
  writeFileSync(join(data, 'su'), Buffer.alloc(20_000, 7));
  symlinkSync('hello', join(data, 'etc/soft'));
  inside(join(data, 'dev'), (dev) => {
    dev.makeNode('null', 'char', { major: 1, minor: 3 });
    dev.makeNode('big', 'block', { major: 259, minor: 300 });
    dev.makeNode('log', 'socket');
    for (const name of ['null', 'log']) dev.chmod(name, 0o666); // whatever the umask
    inside(join(data, 'dev/pts'), (pts) => dev.link('null', pts, 'zero link'));
    dev.chown('big', 0, 6);
    dev.chmod('big', 0o660);
  });
  inside(join(data, 'etc'), (etc) => {
    inside(join(data, 'etc/metadata'), (inner) => etc.link('hello', inner, 'hard'));
    etc.chown('soft', 1000, 1000);
  });
  inside(data, (top) => {
    top.chown('su', 0, 5);
    top.chmod('su', 0o6755);
  });
}

function inside(path: string, work: (directory: Directory) => void): void {
  const directory = Directory.open(path);
  work(directory);
  directory.close();
}

function setTimes(directory: Directory, next: Timestamp): void {
  for (const name of directory.list()) {
    if (directory.status(name).type === 'directory') setTimes(directory.enter(name), next);
    next.seconds += 3600;
    directory.setTimes(name, next, next);
  }
  next.seconds += 3600;
  directory.setTimes('.', next, next);
  directory.close();
}

/** A line for each object of a tree: all that tar and ls would tell, contents, and which names are one file. */
export function listing(root: string, tree: string): string[] {
  const lines: string[] = [];
  const names = new Map<string, string>();
  const top = Directory.open(join(root, tree));
  walk(top, '.', (directory, name, path) => {
    const status = directory.status(name);
    const twin = status.links > 1 && status.type !== 'directory' ? (names.get(status.identity) ?? path) : '';
    names.set(status.identity, twin);
    const at = Buffer.from(join(root, tree, path), 'latin1');
    const content =
      status.type === 'file' ? readFileSync(at, 'latin1') : status.type === 'symlink' ? readlinkSync(at) : '';
    lines.push(`${path} ${describe(status)} ${JSON.stringify(content.slice(0, 80))} ${twin}`.trim());
  });
  top.close();
  return lines;
}

function describe({ type, mode, uid, gid, major, minor, size, mtime }: Status): string {
  const isData: FileType[] = ['file', 'symlink'];
  const time = `${mtime.seconds}.${mtime.nanoseconds}`;
  return `${type} ${mode.toString(8)} ${uid}:${gid} ${major},${minor} ${isData.includes(type) ? size : ''} ${time}`;
}

/** The metadata of a tree: path and contents of each file, and which of them are one. */
export function metadataListing(root: string): string[] {
  const lines: string[] = [];
  for (const tree of ['dir_metadata', 'file_metadata']) {
    const names = new Map<string, string>();
    const top = Directory.open(join(root, tree));
    walk(top, '.', (directory, name, path) => {
      const { type, mode, uid, gid, links, identity } = directory.status(name);
      const twin = links > 1 && type === 'file' ? (names.get(identity) ?? path) : '';
      names.set(identity, twin);
      const content = type === 'file' ? directory.read(name, 100).toString('latin1').trim() : '';
      lines.push(`${tree}/${path} ${type} ${mode.toString(8)} ${uid}:${gid} ${content} ${twin}`.trim());
    });
    top.close();
  }
  return lines;
}

function walk(
  directory: Directory,
  path: string,
  visit: (directory: Directory, name: string, path: string) => void,
): void {
  visit(directory, '.', path);
  for (const name of directory.list()) {
    const inner = `${path}/${name}`.replace(/^\.\//, '');
    if (directory.status(name).type === 'directory') {
      const next = directory.enter(name);
      walk(next, inner, visit);
      next.close();
    } else visit(directory, name, inner);
  }
}
