/** What an object in a file system is: the field's words, and a letter of mknod(1) for those that hold no data. */
export type FileType = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';

/** A point in time, to the nanosecond, which a Date or a number of seconds does not hold. Before 1970 the seconds are negative. */
export interface Timestamp {
  seconds: number;
  nanoseconds: number;
}

/** What statx(2) tells of an object. */
export interface Status {
  type: FileType;
  /** Permission, set-id and sticky bits. */
  mode: number;
  uid: number;
  gid: number;
  links: number;
  /** Device and inode number: equal for two names of one object, and for nothing else. */
  identity: string;
  /** The mount that it lies in; of older kernels (before 5.8) the file system. */
  mount: string;
  /** The device that a device node stands for. */
  major: number;
  minor: number;
  /** Bytes. */
  size: number;
  /** Bytes that it takes on the disk. */
  allocated: number;
  atime: Timestamp;
  mtime: Timestamp;
}

const S_IFMT = 0o170000;
const MODE_BITS = 0o7777;
const TYPE_BITS: Readonly<Record<FileType, number>> = {
  fifo: 0o010000,
  char: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
};
const TYPES = new Map(Object.entries(TYPE_BITS).map(([type, bits]) => [bits, type as FileType]));

/** The type bits of st_mode. */
export function typeBits(type: FileType): number {
  return TYPE_BITS[type];
}

/** sizeof(struct statx), and the parts of it that are asked for: the basic ones and the mount (include/uapi/linux/stat.h). */
export const STATX = { size: 256, basic: 0x7ff, mount: 0x1000 } as const;
const BLOCK = 512; // of stx_blocks, whatever the file system's blocks are

/** Reads a struct statx, which is the same on all processors. */
export function readStatus(statx: Buffer): Status {
  const format = statx.readUInt16LE(28);
  const device = `${statx.readUInt32LE(136)}:${statx.readUInt32LE(140)}`;
  const knowsMount = (statx.readUInt32LE(0) & STATX.mount) !== 0;
  return {
    type: TYPES.get(format & S_IFMT) ?? 'file',
    mode: format & MODE_BITS,
    links: statx.readUInt32LE(16),
    uid: statx.readUInt32LE(20),
    gid: statx.readUInt32LE(24),
    identity: `${device}:${statx.readBigUInt64LE(32)}`,
    mount: knowsMount ? `mount ${statx.readBigUInt64LE(144)}` : device,
    major: statx.readUInt32LE(128),
    minor: statx.readUInt32LE(132),
    size: Number(statx.readBigUInt64LE(40)),
    allocated: Number(statx.readBigUInt64LE(48)) * BLOCK,
    atime: readTimestamp(statx, 64),
    mtime: readTimestamp(statx, 112),
  };
}

function readTimestamp(statx: Buffer, offset: number): Timestamp {
  return { seconds: Number(statx.readBigInt64LE(offset)), nanoseconds: statx.readUInt32LE(offset + 8) };
}

/** struct timespec[2], as utimensat(2) wants it. */
export function timespecs(times: readonly [Timestamp, Timestamp]): Buffer {
  const bytes = Buffer.alloc(32);
  for (const [i, { seconds, nanoseconds }] of times.entries()) {
    bytes.writeBigInt64LE(BigInt(seconds), i * 16);
    bytes.writeBigInt64LE(BigInt(nanoseconds), i * 16 + 8);
  }
  return bytes;
}
