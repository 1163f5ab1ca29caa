import { constants } from 'node:os';
import { check, OsError } from './error.ts';
import { koffi } from './koffi.ts';
import { lastErrno, libc } from './libc.ts';

const F_GETLK = 5;
const F_SETLK = 6;
const LOCK_TYPES = { read: 0, write: 1, none: 2 } as const;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const BLKGETSIZE64 = 0x80081272;
const { EAGAIN, EACCES, EINVAL, ENOSYS, ENXIO, EOPNOTSUPP } = constants.errno;

export type LockType = 'read' | 'write';

/**
 * Takes a POSIX record lock on a whole file, as UML does (spec 6.4): it meets the C tools' and the kernel's locks, is
 * owned by the process and lost when the process closes *any* descriptor of that file.
 * @returns undefined when it was taken, else the pid that holds a conflicting lock (0 if it can't be told).
 */
export function lockFile(fd: number, type: LockType): number | undefined {
  if (libc.fcntlPtr(fd, F_SETLK, flock(type)) === 0) return undefined;
  const errno = lastErrno();
  if (errno !== EAGAIN && errno !== EACCES) throw new OsError('fcntl', errno);
  return lockHolder(fd, type) ?? 0;
}

/** The pid whose lock keeps this process from taking such a lock, 0 if it can't be told; undefined if none does. */
export function lockHolder(fd: number, type: LockType): number | undefined {
  const lock = flock(type);
  check('fcntl', libc.fcntlPtr(fd, F_GETLK, lock));
  return lock.readInt16LE(0) === LOCK_TYPES.none ? undefined : Math.max(0, lock.readInt32LE(24)); // -1: a lock of an open file, not of a process
}

export function unlockFile(fd: number): void {
  check('fcntl', libc.fcntlPtr(fd, F_SETLK, flock('none')));
}

/** struct flock of 64-bit Linux: short type, short whence, 4 of padding, start, length (0: to the end), pid. */
function flock(type: keyof typeof LOCK_TYPES): Buffer {
  const lock = Buffer.alloc(32);
  lock.writeInt16LE(LOCK_TYPES[type], 0);
  return lock;
}

/** The first byte at or after `offset` that is data; undefined if only a hole follows. Moves the file position. */
export function seekData(fd: number, offset: number): number | undefined {
  return seek(fd, offset, SEEK_DATA);
}

/** The first byte at or after `offset` that is in a hole (the end of the file counts); undefined past the end. */
export function seekHole(fd: number, offset: number): number | undefined {
  return seek(fd, offset, SEEK_HOLE);
}

function seek(fd: number, offset: number, whence: number): number | undefined {
  const at = libc.lseek(fd, offset, whence);
  if (at >= 0) return at;
  const errno = lastErrno();
  if (errno === ENXIO) return undefined;
  throw new OsError('lseek', errno);
}

/** Gives a range back to the file system; it reads as zeros afterwards and the length stays. OsError EOPNOTSUPP where the file system can't. */
export function punchHole(fd: number, offset: number, length: number): void {
  check('fallocate', libc.fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length));
}

/** Takes room for a range of a file, which reads as zeros where it was a hole; the length stays. OsError EOPNOTSUPP where the file system can't. */
export function reserve(fd: number, offset: number, length: number): void {
  check('fallocate', libc.fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length));
}

/** Copies a range between two files inside the kernel. Bytes copied: fewer than asked is normal, 0 at the end. */
export function copyFileRange(from: number, fromOffset: number, to: number, toOffset: number, length: number): number {
  return check(
    'copy_file_range',
    libc.copy_file_range(from, offsetWord(fromOffset), to, offsetWord(toOffset), length, 0),
  );
}

function offsetWord(offset: number): Buffer {
  const word = Buffer.alloc(8);
  word.writeBigInt64LE(BigInt(offset));
  return word;
}

const RWF_NOWAIT = 8;
const vector = Buffer.alloc(16); // struct iovec, reused: the call is over when it returns

/**
 * pread(2) that never waits for the disk: it takes what the page cache holds.
 * @returns the bytes read, 0 at the end of the file; undefined if the disk would have to be read, or where the file
 * system can't tell.
 */
export function readCached(fd: number, into: Uint8Array, position: number): number | undefined {
  vector.writeBigUInt64LE(BigInt(koffi().address(into)), 0);
  vector.writeBigUInt64LE(BigInt(into.length), 8);
  const read = libc.preadv2(fd, vector, 1, position, RWF_NOWAIT);
  if (read >= 0) return read;
  const errno = lastErrno();
  if (errno === EAGAIN || errno === EOPNOTSUPP || errno === EINVAL || errno === ENOSYS) return undefined;
  throw new OsError('preadv2', errno);
}

/** Size in bytes of a block device. */
export function blockDeviceSize(fd: number): number {
  const size = Buffer.alloc(8);
  ioctl(fd, BLKGETSIZE64, size);
  return Number(size.readBigUInt64LE());
}

/** ioctl with an integer, or with memory that the kernel reads and writes. */
export function ioctl(fd: number, request: number, argument: number | Uint8Array): number {
  return check(
    'ioctl',
    typeof argument === 'number' ? libc.ioctlInt(fd, request, argument) : libc.ioctlPtr(fd, request, argument),
  );
}

/** read(2) on a descriptor that may be non-blocking. Bytes read, 0 at the end, undefined if nothing is there yet. */
export function readFd(fd: number, buffer: Uint8Array): number | undefined {
  return nonBlocking('read', libc.read(fd, buffer, buffer.length));
}

/** write(2) on a descriptor that may be non-blocking. Bytes written, undefined if it would block. */
export function writeFd(fd: number, data: Uint8Array): number | undefined {
  return nonBlocking('write', libc.write(fd, data, data.length));
}

function nonBlocking(syscall: string, result: number): number | undefined {
  if (result >= 0) return result;
  const errno = lastErrno();
  if (errno === EAGAIN) return undefined;
  throw new OsError(syscall, errno);
}

export function closeFd(fd: number): void {
  check('close', libc.close(fd));
}

const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const O_NONBLOCK = 0o4000;

/** Makes a descriptor non-blocking. It changes the open file, so also every other descriptor of it. */
export function setNonBlocking(fd: number): void {
  setStatusFlags(fd, statusFlags(fd) | O_NONBLOCK);
}

/** Access mode and status flags of an open file, as open(2) takes them. */
export function statusFlags(fd: number): number {
  return check('fcntl', libc.fcntlInt(fd, F_GETFL, 0));
}

/** Sets the status flags of an open file, for every descriptor of it. */
export function setStatusFlags(fd: number, flags: number): void {
  check('fcntl', libc.fcntlInt(fd, F_SETFL, flags));
}

/** Another descriptor of the same open file, closed on exec. */
export function duplicateFd(fd: number): number {
  return check('fcntl', libc.fcntlInt(fd, F_DUPFD_CLOEXEC, 0));
}
