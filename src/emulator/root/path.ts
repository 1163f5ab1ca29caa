import { Damaged } from './damaged.ts';
import type { ExtFileSystem, Inode } from './ext.ts';

/** Symlinks that the kernel follows in one path (MAXSYMLINKS). */
const SYMLINKS = 40;

/**
 * The file that an absolute path names, symlinks followed inside this file system.
 * @returns undefined if there is none
 * @throws Damaged
 */
export async function resolvePath(fs: ExtFileSystem, path: string): Promise<Inode | undefined> {
  const ahead = components(path).reverse();
  const behind: Inode[] = [await fs.root()];
  let symlinks = 0;
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    const directory = behind.at(-1)!;
    if (directory.type !== 'directory') return undefined;
    if (name === '..') {
      if (behind.length > 1) behind.pop();
      continue;
    }
    const inode = await fs.lookup(directory, name);
    if (!inode) return undefined;
    if (inode.type !== 'symlink') {
      behind.push(inode);
      continue;
    }
    if (++symlinks > SYMLINKS) throw new Damaged();
    const target = await fs.symlinkTarget(inode);
    if (target.startsWith('/')) behind.length = 1;
    ahead.push(...components(target).reverse());
  }
  return behind.at(-1);
}

function components(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}
