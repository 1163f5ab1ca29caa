import {
  type BigIntStats,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  openSync,
  read,
  readSync,
  readv,
  statSync,
  write,
  writeSync,
} from 'node:fs';
import { constants as osConstants } from 'node:os';
import {
  blockDeviceSize,
  errnoOf,
  hasCode,
  lockFile,
  OsError,
  punchHole,
  readCached,
  reserve,
  unlockFile,
} from '../os/index.ts';
import { about, CowError, systemError } from './error.ts';

const { EACCES, EISDIR, EROFS } = osConstants.errno;

/** UML's locks (spec 6.4): `write` for what is written, `read` for what is only read, `none` for flag `c`. */
export type Lock = 'read' | 'write' | 'none';
export type Access = 'read' | 'write';

/** A name as the user gave it, or as bytes from a header. */
export type FileName = string | Buffer;

/**
 * Everything that this process holds open of one inode. POSIX locks belong to the process and vanish when it closes
 * *any* descriptor of the file, so the descriptors are shared and closed together, by the last user.
 */
interface Inode {
  key: string;
  descriptors: { fd: number; writable: boolean }[];
  users: number;
  readers: number;
  writers: number;
}

const inodes = new Map<string, Inode>();
/** Above this a read goes to the thread pool at once, so that copying does not hold up the event loop. */
const INLINE_LIMIT = 256 * 1024;
const DONE = Promise.resolve();

/**
 * Opens a regular file or block device, or shares it if this process has it open.
 * @throws CowError `system`, `not-a-disk`, `locked` (details.pid)
 */
export function hold(name: FileName, access: Access, lock: Lock): HeldFile {
  const path = name.toString();
  const known = about(path, () => statSync(name, { bigint: true }));
  if (!known.isFile() && !known.isBlockDevice()) {
    if (known.isDirectory()) throw systemError(new OsError('open', EISDIR), path);
    throw new CowError('not-a-disk', path);
  }
  let inode = inodes.get(keyOf(known));
  let descriptor = inode?.descriptors.find(({ writable }) => writable || access === 'read');
  if (!inode || !descriptor) {
    const flags = (access === 'write' ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NONBLOCK;
    const fd = about(path, () => openSync(name, flags));
    descriptor = { fd, writable: access === 'write' };
    inode = adopt(descriptor);
  }
  return holdInode(inode, descriptor.fd, path, lock);
}

/** Takes over a descriptor of a file that was just created. */
export function holdCreated(fd: number, path: string, lock: Lock): HeldFile {
  return holdInode(adopt({ fd, writable: true }), fd, path, lock);
}

function adopt(descriptor: Inode['descriptors'][number]): Inode {
  const key = keyOf(fstatSync(descriptor.fd, { bigint: true }));
  let inode = inodes.get(key);
  if (!inode) {
    inode = { key, descriptors: [], users: 0, readers: 0, writers: 0 };
    inodes.set(key, inode);
  }
  inode.descriptors.push(descriptor);
  return inode;
}

function keyOf(stat: { dev: bigint; ino: bigint }): string {
  return `${stat.dev}:${stat.ino}`;
}

function holdInode(inode: Inode, fd: number, path: string, lock: Lock): HeldFile {
  inode.users++;
  try {
    takeLock(inode, fd, path, lock);
  } catch (error) {
    release(inode, 'none');
    throw systemError(error, path);
  }
  return new HeldFile(path, fd, () => release(inode, lock));
}

function takeLock(inode: Inode, fd: number, path: string, lock: Lock): void {
  if (lock === 'none') return;
  // POSIX locks never conflict inside a process: what it would do to itself is checked here
  if (inode.writers > 0 || (lock === 'write' && inode.readers > 0)) {
    throw new CowError('locked', path, { pid: process.pid });
  }
  if (inode.readers === 0) {
    const holder = lockFile(fd, lock);
    if (holder !== undefined) throw new CowError('locked', path, { pid: holder });
  }
  if (lock === 'read') inode.readers++;
  else inode.writers++;
}

function release(inode: Inode, lock: Lock): void {
  inode.users--;
  if (lock === 'read') inode.readers--;
  if (lock === 'write') inode.writers--;
  if (inode.users === 0) {
    inodes.delete(inode.key);
    for (const { fd } of inode.descriptors) closeSync(fd);
  } else if (lock !== 'none' && inode.readers === 0 && inode.writers === 0) {
    unlockFile(inode.descriptors[0]!.fd);
  }
}

/** What a file is at one moment. */
export interface Identity {
  /** The same for every name of one file, and for every node of one device. */
  readonly key: string;
  readonly inode: bigint;
  readonly size: number;
  /** Modification time, in milliseconds. */
  readonly mtimeMs: number;
  /** Modification time: seconds, cut to the header's 32 bits. */
  readonly mtime: number;
}

/** A file held open: positioned reads and writes of any length. */
export class HeldFile {
  readonly path: string;
  readonly fd: number;
  readonly #release: () => void;
  #held = true;
  #lost: CowError | undefined;

  constructor(path: string, fd: number, onClose: () => void) {
    this.path = path;
    this.fd = fd;
    this.#release = onClose;
  }

  /** What the file is now. A block device's size is asked of the device. */
  identity(): Identity {
    return about(this.path, () => {
      const stat = fstatSync(this.fd, { bigint: true });
      return identityOf(stat, stat.isBlockDevice() ? blockDeviceSize(this.fd) : Number(stat.size));
    });
  }

  /** Fills `into` from `position`; what lies past the end of the file is zeros. What the page cache holds costs no thread. */
  read(into: Uint8Array, position: number): Promise<void> {
    if (into.length === 0) return DONE;
    const got = into.length <= INLINE_LIMIT ? cached(this.fd, into, position) : 0;
    return got === into.length ? DONE : this.#readRest(into, position, got);
  }

  async #readRest(into: Uint8Array, position: number, from: number): Promise<void> {
    let done = from;
    while (done < into.length) {
      const got = await this.#call<number>((callback) =>
        read(this.fd, into, done, into.length - done, position + done, callback),
      );
      if (got === 0) {
        into.fill(0, done);
        return;
      }
      done += got;
    }
  }

  /** Fills one part after the other with what lies from `position` on, with one call where the system gives all at once. */
  async readParts(parts: readonly Uint8Array[], position: number): Promise<void> {
    if (parts.length === 1) return this.read(parts[0]!, position);
    // an error may be of a part that nobody wants, else it shows when the rest is read
    const got = await this.#call<number>((callback) => readv(this.fd, parts, position, callback)).catch(() => 0);
    let at = 0;
    for (const part of parts) {
      const have = Math.max(0, got - at);
      if (have < part.length) await this.#readRest(part, position + at, have);
      at += part.length;
    }
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < data.length; ) {
      done += await this.#call<number>((callback) =>
        write(this.fd, data, done, data.length - done, position + done, callback),
      );
    }
  }

  /** Makes sure that a range can be written later though the disk may be full then, where the file system can promise it. */
  reserve(position: number, length: number): void {
    try {
      reserve(this.fd, position, length);
    } catch (error) {
      if (!hasCode(error, 'EOPNOTSUPP', 'ENOSYS')) throw systemError(error, this.path);
    }
  }

  /** Gives a range's space back to the file system, as a favour where it can take it; then it reads as zeros. */
  punch(position: number, length: number): void {
    try {
      punchHole(this.fd, position, length);
    } catch (error) {
      if (!hasCode(error, 'EOPNOTSUPP', 'ENOSYS', 'ENODEV', 'EPERM')) throw systemError(error, this.path);
    }
  }

  /** Reads at once what is needed to open a disk; shorter than asked where the file ends. */
  readNow(length: number, position: number): Buffer {
    const bytes = Buffer.alloc(length);
    return about(this.path, () => {
      let done = 0;
      while (done < length) {
        const got = readSync(this.fd, bytes, done, length - done, position + done);
        if (got === 0) break;
        done += got;
      }
      return bytes.subarray(0, done);
    });
  }

  writeNow(data: Uint8Array, position: number): void {
    about(this.path, () => {
      for (let done = 0; done < data.length; ) {
        done += writeSync(this.fd, data, done, data.length - done, position + done);
      }
    });
  }

  /**
   * Waits until what was written is on the disk. Once it failed it fails for ever: the kernel forgets which pages it
   * lost, so that a later success would say nothing about them.
   */
  sync(): Promise<void> {
    return this.#durable(fdatasync);
  }

  /** As sync(), and the file's times too. */
  syncWithTimes(): Promise<void> {
    return this.#durable(fsync);
  }

  async #durable(call: typeof fsync): Promise<void> {
    if (this.#lost) throw this.#lost;
    try {
      await this.#call<undefined>((callback) => call(this.fd, (error) => callback(error, undefined)));
    } catch (error) {
      this.#lost = systemError(error, this.path);
      throw this.#lost;
    }
  }

  /** Gives up this use; the last one closes the file and drops its lock. */
  close(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#release();
  }

  #call<T>(start: (callback: (error: Error | null, value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      start((error, value) => (error ? reject(systemError(error, this.path)) : resolve(value)));
    });
  }
}

/** What a name means now: by stat(2), for a block device by opening it. */
export function identify(name: FileName): Identity {
  const stat = about(name.toString(), () => statSync(name, { bigint: true }));
  if (!stat.isBlockDevice()) return identityOf(stat, Number(stat.size));
  const file = hold(name, 'read', 'none');
  try {
    return file.identity();
  } finally {
    file.close();
  }
}

function identityOf(stat: BigIntStats, size: number): Identity {
  return {
    key: stat.isBlockDevice() ? `device ${stat.rdev}` : keyOf(stat),
    inode: stat.ino,
    size,
    mtimeMs: Number(stat.mtimeNs / 1_000_000n),
    mtime: Number(BigInt.asUintN(32, stat.mtimeNs / 1_000_000_000n)),
  };
}

/** Bytes that the page cache gave; an error shows when the rest is read. */
function cached(fd: number, into: Uint8Array, position: number): number {
  try {
    return readCached(fd, into, position) ?? 0;
  } catch {
    return 0;
  }
}

/** Whether opening failed only because the file may not be written: UML then tries again read-only. */
export function isWriteRefused(error: unknown): boolean {
  const errno = errnoOf(error instanceof CowError ? error.cause : error);
  return errno === EACCES || errno === EROFS;
}
