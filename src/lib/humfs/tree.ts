import type { Directory } from '../os/index.ts';
import { about, HumfsError } from './error.ts';
import {
  DATA,
  DIRECTORIES,
  descend,
  FILES,
  freeOwnName,
  joined,
  OWN,
  openRoot,
  ownName,
  readSuperblock,
  SUPERBLOCK,
} from './layout.ts';
import { encodeMetadata, METADATA_BYTES, type Metadata, parseMetadata } from './metadata.ts';
import type { Superblock } from './superblock.ts';

/** Which of the metadata trees a path is looked up in; symbolic links and nodes are files here. */
export type Kind = 'directory' | 'file';

/** A path from the top of the file system; a string is text (UTF-8), bytes may be anything. Empty is the top. */
export type Path = string | Uint8Array;

const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/**
 * The metadata of a mounted humfs file system, object by object, for a server that answers a guest: what the guest sees
 * of an object is the data with its metadata laid over it. The caller changes the data itself, in the order of the
 * kernel's humfs: metadata is made before the data and removed before it, so that no data is ever without.
 *
 * All methods throw HumfsError: `system` with the system's error as its cause, `metadata-field` for a file that says
 * nothing sensible. Paths are followed through directories alone, never through links.
 */
export class MetadataTree {
  /** What the superblock said when the tree was opened. */
  readonly superblock: Superblock;
  readonly #root: Directory;

  private constructor(root: Directory, superblock: Superblock) {
    this.#root = root;
    this.superblock = superblock;
  }

  /**
   * Opens the tree in a directory that holds `data`.
   * @throws HumfsError also as the kernel's mount: superblock-field, superblock-full; superblock-version for version 1, which
   * humfsify makes version 2; superblock-line for a line that the kernel doesn't know
   */
  static open(directory: Path): MetadataTree {
    const root = openRoot(directory);
    try {
      const superblock = readSuperblock(root);
      if (superblock.version !== 2) throw new HumfsError('superblock-version', SUPERBLOCK, { version: 1 });
      const [line] = superblock.unknown;
      if (line !== undefined) throw new HumfsError('superblock-line', SUPERBLOCK, { line });
      return new MetadataTree(root, superblock);
    } catch (error) {
      root.close();
      throw error;
    }
  }

  close(): void {
    this.#root.close();
  }

  read(path: Path, kind: Kind): Metadata {
    return this.#at(path, kind, 'read', (directory, name, shown) =>
      parseMetadata(directory.read(name, METADATA_BYTES), shown),
    );
  }

  /** Changes metadata that is there; all hard links of a file share it. */
  write(path: Path, kind: Kind, metadata: Metadata): void {
    this.#at(path, kind, 'write', (directory, name) => directory.overwrite(name, encodeMetadata(metadata)));
  }

  /** Records a new object, in place of metadata that was left of an earlier one. For a directory the data must not be there. */
  create(path: Path, kind: Kind, metadata: Metadata): void {
    const { folder, name } = split(path);
    const bytes = encodeMetadata(metadata);
    if (kind === 'file') {
      this.#within(FILES, folder, 'create', (files) => {
        files.removeTree(name);
        files.create(name, bytes, FILE_MODE);
      });
      return;
    }
    this.#within(FILES, folder, 'mkdir', (files) => {
      files.removeTree(name);
      files.makeDirectory(name, DIRECTORY_MODE);
    });
    this.#within(DIRECTORIES, folder, 'mkdir', (directories) => {
      makeRoom(directories, name);
      directories.removeTree(name);
      directories.makeDirectory(name, DIRECTORY_MODE);
      const inner = directories.enter(name);
      try {
        inner.create(OWN, bytes, FILE_MODE);
      } finally {
        inner.close();
      }
    });
  }

  /** Forgets an object; a directory with all that is left in it. */
  remove(path: Path, kind: Kind): void {
    const { folder, name } = split(path);
    if (kind === 'directory') this.#within(DIRECTORIES, folder, 'remove', (directory) => directory.removeTree(name));
    this.#within(FILES, folder, 'remove', (directory) =>
      kind === 'file' ? directory.remove(name) : directory.removeTree(name),
    );
  }

  /** Moves an object, a directory with all that it holds, over the metadata of what was at the new path. */
  rename(from: Path, to: Path, kind: Kind): void {
    const [source, target] = [split(from), split(to)];
    for (const tree of kind === 'directory' ? [DIRECTORIES, FILES] : [FILES]) {
      this.#within(tree, source.folder, 'rename', (old) =>
        this.#within(tree, target.folder, 'rename', (fresh) => {
          if (tree === DIRECTORIES) makeRoom(fresh, target.name);
          if (kind === 'directory' || fresh.look(target.name)?.type === 'directory') fresh.removeTree(target.name);
          old.rename(source.name, fresh, target.name);
        }),
      );
    }
  }

  /** Records another name of a file. */
  link(from: Path, to: Path): void {
    const [source, target] = [split(from), split(to)];
    this.#within(FILES, source.folder, 'link', (old) =>
      this.#within(FILES, target.folder, 'link', (fresh) => {
        fresh.removeTree(target.name);
        old.link(source.name, fresh, target.name);
      }),
    );
  }

  #at<T>(path: Path, kind: Kind, call: string, work: (directory: Directory, name: string, shown: string) => T): T {
    if (kind === 'directory') {
      const folder = byteString(path);
      return this.#within(DIRECTORIES, folder, call, (directory) => {
        const name = ownName(directory) ?? OWN;
        return work(directory, name, joined(joined(DIRECTORIES, folder), name));
      });
    }
    const { folder, name } = split(path);
    return this.#within(FILES, folder, call, (directory) => work(directory, name, joined(FILES, joined(folder, name))));
  }

  #within<T>(tree: string, folder: string, call: string, work: (directory: Directory) => T): T {
    const path = joined(tree, folder);
    const directory = about(path, call, () => descend(this.#root, path));
    try {
      return about(path, call, () => work(directory));
    } finally {
      directory.close();
    }
  }
}

/** Moves a directory's own metadata file out of the way of a subdirectory that will have its name. */
function makeRoom(directories: Directory, name: string): void {
  if (directories.look(name)?.type !== 'file') return;
  directories.rename(
    name,
    directories,
    freeOwnName((taken) => taken === name || directories.look(taken) !== undefined),
  );
}

function split(path: Path): { folder: string; name: string } {
  const whole = byteString(path);
  const at = whole.lastIndexOf('/');
  const [folder, name] = [whole.slice(0, Math.max(at, 0)), whole.slice(at + 1)];
  if (name === '') throw new HumfsError('wrong-type', DATA, { actual: 'a directory', expected: 'a name' });
  return { folder, name };
}

/** A path without empty parts, one character a byte. */
function byteString(path: Path): string {
  const text = Buffer.from(path as string).toString('latin1');
  return text
    .split('/')
    .filter((part) => part !== '')
    .join('/');
}
