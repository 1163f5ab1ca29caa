import { Damaged } from './damaged.ts';

const EXTENT_MAGIC = 0xf30a;
const EXTENT_ENTRY = 12;
const EXTENT_DEPTH = 5;
const UNWRITTEN = 0x8000;
const DIRECT_BLOCKS = 12;
const INDIRECT_LEVELS = 3;

/** Reads one block of the file system. */
export type ReadBlock = (block: number) => Promise<Uint8Array>;

/**
 * Which block of the file system holds a block of a file, by its extent tree.
 * @param root the 60 bytes of the inode's i_block
 * @returns undefined for a hole
 * @throws Damaged
 */
export async function findInExtents(root: Uint8Array, block: number, read: ReadBlock): Promise<number | undefined> {
  let node = view(root);
  for (let level = 0; level <= EXTENT_DEPTH; level++) {
    const count = node.getUint16(2, true);
    const depth = node.getUint16(6, true);
    if (node.getUint16(0, true) !== EXTENT_MAGIC || (count + 1) * EXTENT_ENTRY > node.byteLength) throw new Damaged();
    const at = lastNotAfter(node, count, block);
    if (at === undefined) return undefined;
    if (depth === 0) return inExtent(node, at, block);
    node = view(await read(node.getUint32(at + 4, true) + node.getUint16(at + 8, true) * 2 ** 32));
  }
  throw new Damaged();
}

/** Offset of the last entry that begins at or before a block: entries are in order. */
function lastNotAfter(node: DataView, count: number, block: number): number | undefined {
  let found: number | undefined;
  for (let i = 1; i <= count; i++) {
    if (node.getUint32(i * EXTENT_ENTRY, true) > block) break;
    found = i * EXTENT_ENTRY;
  }
  return found;
}

function inExtent(node: DataView, at: number, block: number): number | undefined {
  const skipped = block - node.getUint32(at, true);
  const length = node.getUint16(at + 4, true);
  if (length > UNWRITTEN || skipped >= length) return undefined;
  return node.getUint16(at + 6, true) * 2 ** 32 + node.getUint32(at + 8, true) + skipped;
}

/**
 * The same for the block map of ext2 and ext3: twelve blocks, then trees of one, two and three levels.
 * @throws Damaged for a block that no map reaches
 */
export async function findInMap(
  root: Uint8Array,
  block: number,
  blockSize: number,
  read: ReadBlock,
): Promise<number | undefined> {
  const fanOut = blockSize / 4;
  if (block < DIRECT_BLOCKS) return pointer(root, block);
  let rest = block - DIRECT_BLOCKS;
  for (let levels = 1; levels <= INDIRECT_LEVELS; levels++) {
    const reach = fanOut ** levels;
    if (rest >= reach) {
      rest -= reach;
      continue;
    }
    let at = pointer(root, DIRECT_BLOCKS + levels - 1);
    for (let level = levels - 1; level >= 0 && at !== undefined; level--) {
      at = pointer(await read(at), Math.floor(rest / fanOut ** level) % fanOut);
    }
    return at;
  }
  throw new Damaged();
}

function pointer(table: Uint8Array, index: number): number | undefined {
  return view(table).getUint32(index * 4, true) || undefined;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
