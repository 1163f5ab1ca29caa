import { type Directory, hasCode, type Timestamp } from '../os/index.ts';
import { about } from './error.ts';
import { closeLevel, descend, directoryIn, openTop } from './layout.ts';
import type { Owner } from './metadata.ts';

/** A directory beside `data` that is there while humfsify works, and after it was killed. */
const STAGING = '.humfsify';
const TIMES = 'times';
const TEMPORARY = '.humfsify-';
/** The most that is read of that: the path of a directory may be far longer than PATH_MAX. */
const HELD_BYTES = 16 << 20;

/** A directory in which entries are being replaced: its times, which the work changes, and the temporary name used in it. */
interface HeldTimes {
  path: string;
  temporary: string;
  atime: Timestamp;
  mtime: Timestamp;
}

/**
 * Where things are made before they take their place in one step, and where is written down what a kill would else
 * lose. Every run begins by bringing to an end what an earlier one left here.
 */
export class Staging {
  readonly #root: Directory;
  readonly #directory: Directory;
  #files = 0;

  private constructor(root: Directory, directory: Directory) {
    this.#root = root;
    this.#directory = directory;
  }

  /** Finishes what an earlier run left, and makes an empty staging directory. */
  static open(root: Directory, data: Directory): Staging {
    const left = directoryIn(root, STAGING);
    if (left) {
      try {
        restoreHeldTimes(left, data);
      } finally {
        left.close();
      }
    }
    about(STAGING, 'remove', () => root.removeTree(STAGING));
    about(STAGING, 'mkdir', () => root.makeDirectory(STAGING, 0o700));
    return new Staging(root, root.enter(STAGING));
  }

  /** Whether a run was killed here. */
  static wasLeft(root: Directory): boolean {
    return root.look(STAGING) !== undefined;
  }

  /** Makes a file that will be moved to its place. */
  add(bytes: Uint8Array, owner?: Owner): string {
    const name = String(this.#files++);
    about(`${STAGING}/${name}`, 'create', () => {
      this.#directory.create(name, bytes, 0o644);
      this.#directory.chmod(name, 0o644); // whatever the umask
      if (owner) this.#directory.chown(name, owner.uid, owner.gid);
    });
    return name;
  }

  /** Takes in a second name of a file that is in its place already. */
  addLink(from: Directory, file: string): string {
    const name = String(this.#files++);
    about(`${STAGING}/${name}`, 'link', () => from.link(file, this.#directory, name));
    return name;
  }

  /** Moves a file to its place, over what is there. */
  place(name: string, to: Directory, toName: string): void {
    this.#directory.rename(name, to, toName);
  }

  /** Gives a file one of several places. */
  placeLink(name: string, to: Directory, toName: string): void {
    this.#directory.link(name, to, toName);
  }

  /** Moves a file to its place, so that after a power failure too it is there whole or not at all. */
  placeDurably(name: string, toName: string): void {
    about(toName, 'create', () => {
      this.#directory.syncName(name);
      this.place(name, this.#root, toName);
      this.#root.syncName('.');
    });
  }

  /** Moves trees out of the way, to be removed with the staging directory. */
  takeAway(names: readonly string[]): void {
    for (const name of names) {
      if (this.#root.look(name)) about(name, 'rename', () => this.#root.rename(name, this.#directory, name));
      this.#root.syncName('.');
    }
  }

  /**
   * Replaces entries of a directory, which has the times afterwards that it had before, also if the work is killed.
   * @param work is given a name that is free in the directory
   */
  keepingTimes(data: Directory, path: string, work: (temporary: string) => void): void {
    const { atime, mtime } = data.status('.');
    const held: HeldTimes = { path, temporary: freeName(data), atime, mtime };
    const file = this.add(Buffer.from(JSON.stringify(held)));
    this.#directory.syncName(file);
    this.#directory.rename(file, this.#directory, TIMES);
    this.#directory.syncName('.');
    try {
      work(held.temporary);
    } finally {
      finish(data, held);
      data.syncName('.');
      this.#directory.remove(TIMES);
    }
  }

  /** Removes the directory and what is left in it. */
  remove(): void {
    this.#directory.close();
    about(STAGING, 'remove', () => this.#root.removeTree(STAGING));
  }
}

/** Opens the staging directory of a tree; what a killed run left is finished first. */
export function openStaging(root: Directory): Staging {
  const top = openTop(root);
  try {
    return Staging.open(root, top.data);
  } finally {
    closeLevel(top);
  }
}

/** Gives a directory its times back, and takes away what half-made entry is in it. */
function finish(data: Directory, { temporary, atime, mtime }: HeldTimes): void {
  if (data.look(temporary)) data.remove(temporary);
  data.setTimes('.', atime, mtime);
}

/** Does that for the directory in which a run was killed. */
function restoreHeldTimes(staging: Directory, data: Directory): void {
  const file = staging.look(TIMES);
  if (file?.type !== 'file') return;
  const held = parseHeldTimes(staging.read(TIMES, Math.min(file.size, HELD_BYTES)));
  if (!held) return;
  let directory: Directory;
  try {
    directory = descend(data, held.path);
  } catch (error) {
    if (hasCode((error as Error).cause, 'ENOENT', 'ENOTDIR')) return; // the directory has gone since
    throw error;
  }
  try {
    finish(directory, held);
  } finally {
    directory.close();
  }
}

function parseHeldTimes(bytes: Buffer): HeldTimes | undefined {
  try {
    const { path, temporary, atime, mtime } = JSON.parse(bytes.toString()) as Partial<HeldTimes>;
    const isPath = typeof path === 'string' && !path.split('/').some((part) => part === '.' || part === '..');
    const isName = typeof temporary === 'string' && /^\.humfsify-\d+$/.test(temporary);
    return isPath && isName && isTime(atime) && isTime(mtime) ? { path, temporary, atime, mtime } : undefined;
  } catch {
    return undefined; // it is made whole or not at all: somebody else's
  }
}

function isTime(time: Partial<Timestamp> | null | undefined): time is Timestamp {
  const { seconds, nanoseconds = -1 } = time ?? {};
  return Number.isSafeInteger(seconds) && Number.isInteger(nanoseconds) && nanoseconds >= 0 && nanoseconds < 1e9;
}

function freeName(directory: Directory): string {
  for (let i = 0; ; i++) if (!directory.look(TEMPORARY + i)) return TEMPORARY + i;
}
