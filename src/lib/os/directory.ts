import { chmodSync, closeSync, constants, fstatSync, fsyncSync, readdirSync, readSync, writeSync } from 'node:fs';
import { constants as os } from 'node:os';
import { check, OsError } from './error.ts';
import { lastErrno, libc } from './libc.ts';
import { type FileType, readStatus, STATX, type Status, type Timestamp, timespecs, typeBits } from './status.ts';

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_NO_AUTOMOUNT = 0x800;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const { O_RDONLY, O_RDWR, O_WRONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
const LOCK_EX = 2;
const LOCK_NB = 4;
const SYS_mknodat = process.arch === 'x64' ? 259 : 33; // asm/unistd_64.h, asm-generic/unistd.h; glibc has the function since 2.33 only

/**
 * A directory that is held open. What lies in it is reached by its name alone and no symbolic link is followed, so
 * that nobody who may rename things can lead a privileged program astray; and paths may be of any length.
 *
 * Names are byte strings: one character a byte (`latin1`), as file names need not be text. `.` is the directory itself.
 * Names that are empty, `..` or hold a slash are refused. All methods throw OsError or Node's own error, which have an errno.
 */
export class Directory {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Opens a directory by its path, following links as every program does. */
  static open(path: string | Uint8Array): Directory {
    const bytes = typeof path === 'string' ? Buffer.from(path) : Buffer.from(path);
    const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    return new Directory(check('open', libc.openat(AT_FDCWD, cString(bytes), flags, 0), bytes.toString()));
  }

  /** Opens a directory in this one. OsError ENOTDIR if the name is a link or anything else. */
  enter(name: string): Directory {
    return new Directory(this.#open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0));
  }

  /** The same, following a symbolic link. */
  follow(name: string): Directory {
    return new Directory(this.#open(name, O_RDONLY | O_DIRECTORY, 0));
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** The names in it, in the order of their bytes. */
  list(): string[] {
    return readdirSync(`/proc/self/fd/${this.#fd}`, 'latin1').sort();
  }

  /** What is behind a name; a symbolic link is looked at itself. */
  status(name: string): Status {
    const statx = Buffer.alloc(STATX.size);
    const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
    const result = libc.statx(this.#fd, nameBytes(name), flags, STATX.basic | STATX.mount, statx);
    check('statx', result, name);
    return readStatus(statx);
  }

  /** The same, or undefined if there is nothing of that name. */
  look(name: string): Status | undefined {
    return unlessMissing(() => this.status(name));
  }

  /** The first bytes of a regular file. OsError ELOOP for a link, EINVAL for what is no file. */
  read(name: string, most: number): Buffer {
    const fd = this.#open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    try {
      mustBeFile(fd, name);
      const bytes = Buffer.alloc(most);
      return bytes.subarray(0, readSync(fd, bytes, 0, most, 0));
    } finally {
      closeSync(fd);
    }
  }

  /** Makes a new file. OsError EEXIST if the name is taken. */
  create(name: string, bytes: Uint8Array, mode: number): void {
    const fd = this.#open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    try {
      writeWhole(fd, bytes);
    } finally {
      closeSync(fd);
    }
  }

  /** Gives a file new contents in one write, all its hard links seeing them. */
  overwrite(name: string, bytes: Uint8Array): void {
    const fd = this.#open(name, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
    try {
      mustBeFile(fd, name);
      writeWhole(fd, bytes);
      check('ftruncate', libc.ftruncate(fd, bytes.length), name);
    } finally {
      closeSync(fd);
    }
  }

  /** Makes an empty directory. */
  makeDirectory(name: string, mode: number): void {
    check('mkdir', libc.mkdirat(this.#fd, nameBytes(name), mode), name);
  }

  /** Makes a device node, a fifo or a socket that nobody listens on. Only root may make devices. */
  makeNode(name: string, type: FileType, { mode = 0o600, major = 0, minor = 0 } = {}): void {
    const device = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12); // new_encode_dev(), include/linux/kdev_t.h
    const result = libc.syscallMknodat(SYS_mknodat, this.#fd, nameBytes(name), typeBits(type) | mode, device >>> 0);
    check('mknod', result, name);
  }

  /** Takes a name away, not that of a directory. */
  remove(name: string): void {
    check('unlink', libc.unlinkat(this.#fd, nameBytes(name), 0), name);
  }

  /** Removes an empty directory. */
  removeDirectory(name: string): void {
    check('rmdir', libc.unlinkat(this.#fd, nameBytes(name), AT_REMOVEDIR), name);
  }

  /** Removes whatever is behind the name, with all that it holds. Nothing of that name: nothing happens. */
  removeTree(name: string): void {
    const inner = this.look(name)?.type === 'directory' ? this.enter(name) : undefined;
    if (inner) {
      try {
        for (const entry of inner.list()) inner.removeTree(entry);
      } finally {
        inner.close();
      }
      this.removeDirectory(name);
    } else unlessMissing(() => this.remove(name));
  }

  /** Moves a name, over what `toName` was. */
  rename(name: string, to: Directory, toName: string): void {
    check('rename', libc.renameat(this.#fd, nameBytes(name), to.#fd, nameBytes(toName)), name);
  }

  /** Gives an object a second name, which must be free. */
  link(name: string, to: Directory, toName: string): void {
    check('link', libc.linkat(this.#fd, nameBytes(name), to.#fd, nameBytes(toName), 0), name);
  }

  /** Changes owner and group; of a symbolic link itself. Clears the set-id bits of a file. */
  chown(name: string, uid: number, gid: number): void {
    check('chown', libc.fchownat(this.#fd, nameBytes(name), uid, gid, AT_SYMLINK_NOFOLLOW), name);
  }

  /** Changes permission, set-id and sticky bits. OsError EOPNOTSUPP for a symbolic link, which has none. */
  chmod(name: string, mode: number): void {
    const fd = this.#open(name, O_PATH | O_NOFOLLOW, 0);
    try {
      chmodSync(`/proc/self/fd/${fd}`, mode); // fchmod(2) takes no O_PATH descriptor; fchmodat2(2) is of Linux 6.6
    } finally {
      closeSync(fd);
    }
  }

  setTimes(name: string, atime: Timestamp, mtime: Timestamp): void {
    const times = timespecs([atime, mtime]);
    check('utimensat', libc.utimensat(this.#fd, nameBytes(name), times, AT_SYMLINK_NOFOLLOW), name);
  }

  /** Waits until a file or directory in it is on the disk. */
  syncName(name: string): void {
    const fd = this.#open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** Waits until everything that was written to its file system is on the disk. */
  syncFileSystem(): void {
    check('syncfs', libc.syncfs(this.#fd));
  }

  /** Takes the directory for this process, until it is closed. False if another one has it. */
  lock(): boolean {
    if (libc.flock(this.#fd, LOCK_EX | LOCK_NB) === 0) return true;
    const errno = lastErrno();
    if (errno === os.errno.EAGAIN) return false;
    throw new OsError('flock', errno);
  }

  #open(name: string, flags: number, mode: number): number {
    return check('open', libc.openat(this.#fd, nameBytes(name), flags | O_CLOEXEC, mode), name);
  }
}

function unlessMissing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof OsError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function mustBeFile(fd: number, name: string): void {
  if (!fstatSync(fd).isFile()) throw new OsError('open', os.errno.EINVAL, name);
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
}

function nameBytes(name: string): Buffer {
  if (name === '' || name === '..' || name.includes('/')) throw new OsError('open', os.errno.EINVAL, name);
  return cString(Buffer.from(name, 'latin1'));
}

function cString(bytes: Buffer): Buffer {
  if (bytes.includes(0)) throw new OsError('open', os.errno.EINVAL, bytes.toString());
  return Buffer.concat([bytes, Buffer.alloc(1)]);
}
