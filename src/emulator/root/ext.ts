import { findInExtents, findInMap } from './block-map.ts';
import { Damaged } from './damaged.ts';
import { type Geometry, parseSuperblock, SUPERBLOCK } from './superblock.ts';

/** What is read from: a disk of the COW library, or any other bytes. */
export interface ReadableDisk {
  /** Bytes. */
  readonly size: number;
  /** Fills `into`. Called with multiples of 1024 bytes only. */
  read(offset: number, into: Uint8Array): Promise<void>;
}

const ROOT_INODE = 2;
/** Bytes that a check may read: a big directory fits, a search through a whole disk doesn't. */
const READ_LIMIT = 16 * 1024 * 1024;
const INODE_BLOCK_BYTES = 60;

// i_flags, i_mode (fs/ext4/ext4.h, include/uapi/linux/stat.h)
const FLAG_ENCRYPTED = 0x800;
const FLAG_EXTENTS = 0x80000;
const FLAG_INLINE_DATA = 0x10000000;
const TYPE_MASK = 0xf000;
const TYPES = new Map([
  [0x4000, 'directory'],
  [0x8000, 'file'],
  [0xa000, 'symlink'],
] as const);

export interface Inode {
  readonly type: 'directory' | 'file' | 'symlink' | 'other';
  /** Bytes. */
  readonly size: number;
  readonly flags: number;
  /** i_block: an extent tree's root, a block map, or the target of a short symlink. */
  readonly blocks: Uint8Array;
}

/** An ext2, ext3 or ext4 file system, for reading. Its methods throw Damaged. */
export class ExtFileSystem {
  readonly #disk: ReadableDisk;
  readonly #geometry: Geometry;
  readonly #cache = new Map<number, Uint8Array>();
  #readBytes = 0;

  constructor(disk: ReadableDisk, geometry: Geometry) {
    this.#disk = disk;
    this.#geometry = geometry;
  }

  /** Undefined if there is no such file system on the disk. */
  static async open(disk: ReadableDisk): Promise<ExtFileSystem | undefined> {
    if (disk.size < SUPERBLOCK.offset + SUPERBLOCK.size) return undefined;
    const bytes = new Uint8Array(SUPERBLOCK.size);
    await disk.read(SUPERBLOCK.offset, bytes);
    const geometry = parseSuperblock(bytes);
    return geometry && new ExtFileSystem(disk, geometry);
  }

  root(): Promise<Inode> {
    return this.#inode(ROOT_INODE);
  }

  /** What a directory has under a name. */
  async lookup(directory: Inode, name: string): Promise<Inode | undefined> {
    if (directory.flags & FLAG_INLINE_DATA) throw new Damaged(); // where its entries are isn't known here
    const wanted = Buffer.from(name);
    const { blockSize } = this.#geometry;
    for (let block = 0; block * blockSize < Math.min(directory.size, READ_LIMIT); block++) {
      const entries = await this.#fileBlock(directory, block);
      const number = entries && findEntry(entries, wanted, this.#geometry.entryTypes);
      if (number) return this.#inode(number);
    }
    return undefined;
  }

  async symlinkTarget(link: Inode): Promise<string> {
    if (link.size === 0 || link.size > this.#geometry.blockSize) throw new Damaged();
    const short = link.size < INODE_BLOCK_BYTES && !(link.flags & FLAG_EXTENTS);
    return Buffer.from(short ? link.blocks.subarray(0, link.size) : await this.start(link, link.size)).toString(
      'latin1',
    );
  }

  /** The first bytes of a file, at most one block of them. */
  async start(file: Inode, length: number): Promise<Uint8Array> {
    if (file.flags & FLAG_INLINE_DATA) return file.blocks.subarray(0, Math.min(length, file.size));
    const block = await this.#fileBlock(file, 0);
    return (block ?? new Uint8Array(length)).subarray(0, Math.min(length, file.size));
  }

  async #fileBlock(inode: Inode, block: number): Promise<Uint8Array | undefined> {
    if (inode.flags & FLAG_ENCRYPTED) throw new Damaged();
    const read = (at: number) => this.#block(at);
    const at =
      inode.flags & FLAG_EXTENTS
        ? await findInExtents(inode.blocks, block, read)
        : await findInMap(inode.blocks, block, this.#geometry.blockSize, read);
    return at === undefined ? undefined : read(at);
  }

  async #inode(number: number): Promise<Inode> {
    const { inodes, inodesPerGroup, inodeSize, blockSize } = this.#geometry;
    if (number < 1 || number > inodes) throw new Damaged();
    const table = await this.#inodeTable(Math.floor((number - 1) / inodesPerGroup));
    const offset = ((number - 1) % inodesPerGroup) * inodeSize;
    const block = await this.#block(table + Math.floor(offset / blockSize));
    const bytes = Buffer.from(block.buffer, block.byteOffset + (offset % blockSize), inodeSize);
    const type = TYPES.get((bytes.readUInt16LE(0) & TYPE_MASK) as 0x4000) ?? 'other';
    // the upper half of the size is something else in an old ext2 directory
    const sizeHigh = type === 'file' ? bytes.readUInt32LE(108) : 0;
    return {
      type,
      size: bytes.readUInt32LE(4) + sizeHigh * 2 ** 32,
      flags: bytes.readUInt32LE(32),
      blocks: bytes.subarray(40, 40 + INODE_BLOCK_BYTES),
    };
  }

  /** First block of a group's inode table. */
  async #inodeTable(group: number): Promise<number> {
    const { blockSize, descriptorSize } = this.#geometry;
    const perBlock = blockSize / descriptorSize;
    const block = await this.#block(this.#descriptorBlock(Math.floor(group / perBlock)));
    const at = (group % perBlock) * descriptorSize;
    const descriptor = Buffer.from(block.buffer, block.byteOffset + at, descriptorSize);
    return descriptor.readUInt32LE(8) + (descriptorSize >= 64 ? descriptor.readUInt32LE(0x28) * 2 ** 32 : 0);
  }

  /** Where a block of group descriptors is (descriptor_loc of fs/ext4/super.c). */
  #descriptorBlock(index: number): number {
    const { blockSize, descriptorSize, firstMetaGroup, firstDataBlock, blocksPerGroup } = this.#geometry;
    const superblock = blockSize === 1024 ? 1 : 0;
    if (index < firstMetaGroup) return superblock + 1 + index;
    const group = index * (blockSize / descriptorSize);
    const shifted = blockSize === 1024 && index === 0 && firstDataBlock === 0 ? 1 : 0;
    const copies = this.#geometry.hasSuperblock(group) ? 1 : 0;
    return firstDataBlock + group * blocksPerGroup + copies + shifted;
  }

  async #block(number: number): Promise<Uint8Array> {
    const cached = this.#cache.get(number);
    if (cached) return cached;
    const { blockSize, blocks } = this.#geometry;
    const offset = number * blockSize;
    if (number >= blocks || offset + blockSize > this.#disk.size) throw new Damaged();
    this.#readBytes += blockSize;
    if (this.#readBytes > READ_LIMIT) throw new Damaged();
    const bytes = new Uint8Array(blockSize);
    await this.#disk.read(offset, bytes);
    this.#cache.set(number, bytes);
    return bytes;
  }
}

const ENTRY_HEADER = 8;

/** The inode number of a name in one block of a directory (struct ext4_dir_entry_2). */
function findEntry(block: Uint8Array, name: Uint8Array, hasTypes: boolean): number | undefined {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  for (let at = 0; at + ENTRY_HEADER <= bytes.length; ) {
    const stored = bytes.readUInt16LE(at + 4);
    const length = stored === 0 || stored === 0xffff ? 0x10000 : stored; // blocks of 64 KiB
    const nameLength = hasTypes ? bytes.readUInt8(at + 6) : bytes.readUInt16LE(at + 6);
    if (length < ENTRY_HEADER || at + length > bytes.length || ENTRY_HEADER + nameLength > length) throw new Damaged();
    const number = bytes.readUInt32LE(at);
    const found = bytes.subarray(at + ENTRY_HEADER, at + ENTRY_HEADER + nameLength);
    if (number !== 0 && found.equals(name)) return number;
    at += length;
  }
  return undefined;
}
