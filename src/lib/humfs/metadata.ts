import { HumfsError } from './error.ts';

/** What a node is that holds no data; `major` and `minor` are 0 for fifos and sockets. */
export interface Node {
  type: 'char' | 'block' | 'fifo' | 'socket';
  major: number;
  minor: number;
}

/** Who a file belongs to, by number. */
export interface Owner {
  uid: number;
  gid: number;
}

/** What humfs keeps beside a file (spec 10.2, 10.3): everything that the host's file can't be. */
export interface Metadata extends Owner {
  /** Permission, set-id and sticky bits. The old kernels take the lower nine. */
  mode: number;
  /** Undefined for files, directories and symbolic links, whose type is that of the data. */
  node?: Node;
}

/** Metadata of version 1, which leaves the mode to the data. */
export type MetadataV1 = Omit<Metadata, 'mode'>;

const LETTERS = { c: 'char', b: 'block', p: 'fifo', s: 'socket' } as const;
/** The longest line: four digits of mode, ten of each id, a letter, ten of each device number. */
export const METADATA_BYTES = 64;
const MODE_BITS = 0o7777;
const UINT32 = 2 ** 32;
const MOST_MAJOR = 0xfff; // Linux's dev_t: 12 bits and 20 bits
const MOST_MINOR = 0xfffff;

/**
 * Reads a metadata file of version 2: `MODE UID GID`, and `LETTER MAJOR MINOR` for a node, in decimal; the first line
 * counts. Three fields or six, as the kernel has it (meta_fs.c, metafs_ownerships()).
 * @param path the file's, for the error
 * @throws HumfsError metadata-field
 */
export function parseMetadata(bytes: Uint8Array, path = ''): Metadata {
  const [mode, ...rest] = fields(bytes);
  const value = number(mode, 'mode', path);
  if (value > MODE_BITS) throw bad(path, 'mode');
  return { mode: value, ...parseOwner(rest, path) };
}

/**
 * Reads a metadata file of version 1: `UID GID`, and `c|b MAJOR MINOR`, or `s`, for a node.
 * @throws HumfsError metadata-field
 */
export function parseMetadataV1(bytes: Uint8Array, path = ''): MetadataV1 {
  const words = fields(bytes);
  return parseOwner(words.length === 3 ? [...words, '0', '0'] : words, path);
}

/** The bytes of a metadata file of version 2. */
export function encodeMetadata({ mode, uid, gid, node }: Metadata): Buffer {
  const letter = Object.entries(LETTERS).find(([, type]) => type === node?.type)?.[0];
  const tail = node ? ` ${letter} ${node.major} ${node.minor}` : '';
  return Buffer.from(`${mode} ${uid} ${gid}${tail}\n`);
}

function fields(bytes: Uint8Array): string[] {
  const line = Buffer.from(bytes).toString('latin1').split('\n')[0] ?? '';
  return line.split(/\s+/).filter((word) => word !== '');
}

function parseOwner(words: readonly string[], path: string): MetadataV1 {
  if (words.length !== 2 && words.length !== 5) throw bad(path, 'number of fields');
  const [uid, gid, letter, major, minor] = words;
  const owner = { uid: number(uid, 'uid', path), gid: number(gid, 'gid', path) };
  if (letter === undefined) return owner;
  const type = Object.entries(LETTERS).find(([known]) => known === letter)?.[1];
  if (!type) throw bad(path, 'type');
  if (type === 'fifo' || type === 'socket') return { ...owner, node: { type, major: 0, minor: 0 } };
  const node = wholeNumbers({ type, major: number(major, 'major', path), minor: number(minor, 'minor', path) });
  if (node.major > MOST_MAJOR || node.minor > MOST_MINOR) throw bad(path, 'device number');
  return { ...owner, node };
}

/**
 * The Perl tool takes device numbers apart as if they had eight bits each (defect 42): what it cuts off the minor number
 * stands above the twelve bits of the major one, so it can be put together again.
 */
function wholeNumbers({ type, major, minor }: Node): Node {
  if (major <= MOST_MAJOR || minor > 0xff) return { type, major, minor };
  return { type, major: major & MOST_MAJOR, minor: (major >>> 12) * 0x100 + minor };
}

/** A number as the kernel prints it with %d: an id over 2^31 is negative. */
function number(word: string | undefined, name: string, path: string): number {
  if (word === undefined || !/^-?\d{1,10}$/.test(word)) throw bad(path, name);
  const value = Number(word);
  if (value >= UINT32 || value < -UINT32 / 2) throw bad(path, name);
  return value < 0 ? value + UINT32 : value;
}

function bad(path: string, field: string): HumfsError {
  return new HumfsError('metadata-field', path, { field });
}
