const MAGIC = 0xef53;
const SUPERBLOCK_SIZE = 1024;

// s_feature_incompat (fs/ext4/ext4.h)
const INCOMPAT_COMPRESSION = 0x1;
const INCOMPAT_FILETYPE = 0x2;
const INCOMPAT_JOURNAL_DEV = 0x8;
const INCOMPAT_META_BG = 0x10;
const INCOMPAT_64BIT = 0x80;
/** All others change nothing about how a file is found and read. */
const UNREADABLE = INCOMPAT_COMPRESSION | INCOMPAT_JOURNAL_DEV;
// s_feature_compat, s_feature_ro_compat
const COMPAT_SPARSE_SUPER2 = 0x200;
const RO_COMPAT_SPARSE_SUPER = 0x1;

/** Where the superblock of a file system is, in bytes from its start, and how long it is. */
export const SUPERBLOCK = { offset: 1024, size: SUPERBLOCK_SIZE } as const;

/** What an ext2, ext3 or ext4 superblock says about where things are. */
export interface Geometry {
  /** Bytes. */
  readonly blockSize: number;
  readonly blocks: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly inodes: number;
  readonly inodesPerGroup: number;
  readonly inodeSize: number;
  readonly descriptorSize: number;
  /** The first group of descriptor blocks that lies among its own groups (meta_bg); Infinity if none does. */
  readonly firstMetaGroup: number;
  /** Whether directory entries carry a type, in the upper byte of the name's length. */
  readonly entryTypes: boolean;
  /** Whether a group begins with a copy of the superblock. */
  hasSuperblock(group: number): boolean;
}

/**
 * Reads an ext2/3/4 superblock (struct ext4_super_block of fs/ext4/ext4.h).
 * @param bytes SUPERBLOCK.size bytes
 * @returns undefined if it is none, is damaged, or is of a kind that can't be read here
 */
export function parseSuperblock(bytes: Uint8Array): Geometry | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (offset: number) => view.getUint32(offset, true);
  const u16 = (offset: number) => view.getUint16(offset, true);
  if (bytes.length < SUPERBLOCK_SIZE || u16(56) !== MAGIC) return undefined;
  const incompat = u32(96);
  const logBlockSize = u32(24);
  if (logBlockSize > 6 || incompat & UNREADABLE) return undefined;
  const is64Bit = (incompat & INCOMPAT_64BIT) !== 0;
  const dynamic = u32(76) >= 1;
  const blockSize = 1024 << logBlockSize;
  const geometry: Geometry = {
    blockSize,
    blocks: u32(4) + (is64Bit ? u32(0x150) * 2 ** 32 : 0),
    firstDataBlock: u32(20),
    blocksPerGroup: u32(32),
    inodes: u32(0),
    inodesPerGroup: u32(40),
    inodeSize: dynamic ? u16(88) : 128,
    descriptorSize: is64Bit ? u16(254) : 32,
    firstMetaGroup: incompat & INCOMPAT_META_BG ? u32(260) : Number.POSITIVE_INFINITY,
    entryTypes: (incompat & INCOMPAT_FILETYPE) !== 0,
    hasSuperblock: backups(u32(92), u32(100), [u32(0x24c), u32(0x250)]),
  };
  return isSane(geometry) ? geometry : undefined;
}

function isSane({ blockSize, blocksPerGroup, inodesPerGroup, inodeSize, descriptorSize }: Geometry): boolean {
  const fits = (size: number, least: number) => size >= least && size <= blockSize && blockSize % size === 0;
  return blocksPerGroup > 0 && inodesPerGroup > 0 && fits(inodeSize, 128) && fits(descriptorSize, 32);
}

/** Which groups hold a copy of the superblock (ext4_bg_has_super). */
function backups(compat: number, readOnlyCompat: number, two: readonly number[]): (group: number) => boolean {
  if (compat & COMPAT_SPARSE_SUPER2) return (group) => group === 0 || two.includes(group);
  if (!(readOnlyCompat & RO_COMPAT_SPARSE_SUPER)) return () => true;
  return (group) => group <= 1 || [3, 5, 7].some((base) => isPower(group, base));
}

function isPower(value: number, base: number): boolean {
  let rest = value;
  while (rest > 1 && rest % base === 0) rest /= base;
  return rest === 1;
}
