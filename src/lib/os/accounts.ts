import { constants } from 'node:os';
import { OsError } from './error.ts';
import { koffi } from './koffi.ts';
import { libc } from './libc.ts';

export interface User {
  name: string;
  uid: number;
  /** The user's own group. */
  gid: number;
}

export interface Group {
  name: string;
  gid: number;
}

// struct passwd and struct group of 64-bit glibc: both begin with pointers to the name and the password
const PASSWD = { size: 48, uid: 16, gid: 20 } as const;
const GROUP = { size: 32, gid: 16 } as const;

const { ENOENT, ESRCH, EBADF, EPERM, ERANGE } = constants.errno;
/** What getpwnam(3) lets stand for "there is none", besides 0. */
const NOT_FOUND: readonly number[] = [ENOENT, ESRCH, EBADF, EPERM];
const FIRST_ROOM = 1024;
const MOST_ROOM = 16 * 1024 * 1024;

/**
 * The user of this name (a string, never taken for a number) or uid (a number, 0 to 2^32-1), from every source that
 * the host's name service knows (nsswitch.conf), as getpwnam(3) and getpwuid(3) find it.
 * @throws OsError when the lookup itself failed
 */
export function lookupUser(key: string | number): User | undefined {
  const entry = Buffer.alloc(PASSWD.size);
  const name =
    typeof key === 'string'
      ? find('getpwnam_r', entry, key, (room, size, result) => libc.getpwnam_r(cString(key), entry, room, size, result))
      : find('getpwuid_r', entry, undefined, (room, size, result) => libc.getpwuid_r(key, entry, room, size, result));
  if (name === undefined) return undefined;
  return { name, uid: entry.readUInt32LE(PASSWD.uid), gid: entry.readUInt32LE(PASSWD.gid) };
}

/**
 * The group of this name (a string, never taken for a number) or gid (a number, 0 to 2^32-1), as getgrnam(3) and
 * getgrgid(3) find it.
 * @throws OsError when the lookup itself failed
 */
export function lookupGroup(key: string | number): Group | undefined {
  const entry = Buffer.alloc(GROUP.size);
  const name =
    typeof key === 'string'
      ? find('getgrnam_r', entry, key, (room, size, result) => libc.getgrnam_r(cString(key), entry, room, size, result))
      : find('getgrgid_r', entry, undefined, (room, size, result) => libc.getgrgid_r(key, entry, room, size, result));
  return name === undefined ? undefined : { name, gid: entry.readUInt32LE(GROUP.gid) };
}

type Lookup = (room: Uint8Array, size: number, result: Uint8Array) => number;

/** Runs a lookup with as much room for its strings as it wants. The name that it found; undefined if there is none. */
function find(syscall: string, entry: Buffer, key: string | undefined, lookup: Lookup): string | undefined {
  if (key?.includes('\0')) return undefined; // C would read a shorter name
  for (let size = FIRST_ROOM; ; size *= 2) {
    const room = Buffer.alloc(size);
    const result = Buffer.alloc(8);
    const errno = lookup(room, size, result); // not -1 and errno: the number itself
    if (errno === ERANGE && size < MOST_ROOM) continue;
    if (errno !== 0 && !NOT_FOUND.includes(errno)) throw new OsError(syscall, errno);
    return result.readBigUInt64LE() === 0n ? undefined : nameOf(entry, room);
  }
}

/** The string that the entry's first pointer points to, which is in the room that the lookup was given. */
function nameOf(entry: Buffer, room: Buffer): string {
  const start = Number(entry.readBigUInt64LE() - BigInt(koffi().address(room)));
  return room.toString('utf8', start, room.indexOf(0, start));
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}
