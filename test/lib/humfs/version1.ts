import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Directory } from '../../../src/lib/os/index.ts';

/** Turns a converted tree into one of version 1: a single metadata tree, in whose lines there is no mode. */
export function makeOld(root: string): void {
  rmSync(join(root, 'data/etc/metadata'), { recursive: true }); // version 1 had no place for such names
  rmSync(join(root, 'data/dev/metadata'));
  for (const name of ['data/etc', 'data/dev']) utimesSync(join(root, name), 1e9, 1e9);
  const top = ['file_metadata', 'dir_metadata'].map((name) => Directory.open(join(root, name)));
  mkdirSync(join(root, 'metadata'));
  const old = Directory.open(join(root, 'metadata'));
  const data = Directory.open(join(root, 'data'));
  copy(data, old, top[0]!, top[1]!);
  for (const directory of [...top, old, data]) directory.close();
  for (const name of ['file_metadata', 'dir_metadata']) rmSync(join(root, name), { recursive: true });
  const size = statSync(join(root, 'superblock')).size;
  writeFileSync(join(root, 'superblock'), `version 1\nused ${size}\ntotal 1000000000\n`);
}

function copy(data: Directory, old: Directory, files: Directory, directories: Directory): void {
  const write = (name: string, bytes: Buffer) => {
    const [, ...rest] = bytes.toString().trim().split(' ');
    old.create(name, Buffer.from(`${rest.join(' ')}\n`), 0o644);
  };
  const own = directories.list().find((name) => directories.status(name).type === 'file');
  write('metadata', directories.read(own ?? 'metadata', 100));
  for (const name of data.list()) {
    if (data.status(name).type === 'directory') {
      old.makeDirectory(name, 0o755);
      const inner = [data, old, files, directories].map((tree) => tree.enter(name)) as Parameters<typeof copy>;
      copy(...inner);
      for (const directory of inner) directory.close();
    } else write(name, files.read(name, 100));
  }
}
