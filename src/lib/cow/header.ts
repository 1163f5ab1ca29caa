import { CowError } from './error.ts';

/** `COW_MAGIC` of cow_sys.h: "OOOM" as big-endian bytes. */
const MAGIC = 0x4f4f4f4d;
/** Bytes to read from the start of a file so that any header is whole: the largest layout. */
export const HEADER_BYTES = 4136;
/** The sector size and alignment of every file that UML and its tools create. */
export const SECTOR = 512;
export const ALIGNMENT = 4096;
const MAX_SECTOR_SIZE = 1 << 16;
const MAX_ALIGNMENT = 1 << 24;
/** Offsets behind it stay exact as numbers. */
const MAX_SIZE = 1n << 52n;

/** The layouts of spec 6.1. V1 was written in its host's byte order; `v3-64` is the "broken" V3 of 64-bit programs before 2006. */
export type CowLayout = 'v1-le' | 'v1-be' | 'v2' | 'v3' | 'v3-64';

interface Fields {
  version: 1 | 2 | 3;
  length: number;
  littleEndian: boolean;
  mtime: number;
  size: number;
  sectorSize: number;
  /** V3 only; before, the alignment is the sector size. */
  alignment?: number;
  format?: number;
  name: number;
  nameLength: number;
}

const LAYOUTS: Record<CowLayout, Fields> = {
  'v1-le': v1(true),
  'v1-be': v1(false),
  v2: {
    version: 2,
    length: 4120,
    littleEndian: false,
    name: 8,
    nameLength: 4096,
    mtime: 4104,
    size: 4108,
    sectorSize: 4116,
  },
  v3: v3(4128, 12),
  'v3-64': v3(4136, 16),
};

function v1(littleEndian: boolean): Fields {
  return { version: 1, length: 280, littleEndian, name: 8, nameLength: 256, mtime: 264, size: 268, sectorSize: 276 };
}

function v3(length: number, size: number): Fields {
  return {
    version: 3,
    length,
    littleEndian: false,
    mtime: 8,
    size,
    sectorSize: size + 8,
    alignment: size + 12,
    format: size + 16,
    name: size + 20,
    nameLength: 4096,
  };
}

/** What a COW header says, and where by it the parts of the file lie. Sizes and offsets in bytes. */
export interface CowHeader {
  readonly layout: CowLayout;
  /** The backing file's name as stored: bytes, since old files hold names of any encoding. */
  readonly backing: Buffer;
  /** The backing file's modification time: seconds, 32 bits. */
  readonly mtime: number;
  /** The backing file's size, which need not be a multiple of the sector size. */
  readonly size: number;
  readonly sectorSize: number;
  readonly alignment: number;
  /** Sectors of the image; the last may be partial. */
  readonly sectors: number;
  readonly bitmapOffset: number;
  /** Bytes of bitmap that the file has room for: ceil(sectors / 8), or fewer in rare V1 and V2 files (spec 6.2). */
  readonly bitmapLength: number;
  readonly dataOffset: number;
}

/** What decides a header; the rest follows from it. */
export type HeaderValues = Pick<CowHeader, 'layout' | 'backing' | 'mtime' | 'size' | 'sectorSize' | 'alignment'>;

/** Whether the start of a file carries the magic word, in either byte order. */
export function hasMagic(start: Uint8Array): boolean {
  if (start.length < 8) return false;
  const view = viewOf(start);
  return view.getUint32(0, false) === MAGIC || view.getUint32(0, true) === MAGIC;
}

/** Whether the start of a file is a V3 header in the 64-bit layout: the name of the packed layout would be empty. */
export function isBroken64(start: Uint8Array): boolean {
  if (!hasMagic(start)) return false;
  const bytes = pad(start);
  return versionOf(bytes) === 3 && viewOf(bytes).getUint32(LAYOUTS.v3.name) === 0;
}

/**
 * Reads a header.
 * @param start the first bytes of the file: HEADER_BYTES of them, fewer only where the file ends
 * @param path the file, for the errors
 * @throws CowError `not-cow`, `header-short`, `header-version`, `header-field`
 */
export function parseHeader(start: Uint8Array, path: string): CowHeader {
  if (start.length < 8) throw new CowError('header-short', path);
  if (!hasMagic(start)) throw new CowError('not-cow', path);
  const bytes = pad(start);
  const layout = layoutOf(bytes, path);
  const at = LAYOUTS[layout];
  if (start.length < at.length) throw new CowError('header-short', path, { version: at.version });
  const view = viewOf(bytes);
  const word = (offset: number) => view.getUint32(offset, at.littleEndian);
  const bad = (field: string, value: number | string) => new CowError('header-field', path, { field, value });

  const sectorSize = word(at.sectorSize);
  if (!isPowerOfTwo(sectorSize) || sectorSize < SECTOR || sectorSize > MAX_SECTOR_SIZE) {
    throw bad('sector size', sectorSize);
  }
  const alignment = at.alignment === undefined ? sectorSize : word(at.alignment);
  if (!isPowerOfTwo(alignment) || alignment > MAX_ALIGNMENT) throw bad('alignment', alignment);
  if (at.format !== undefined && word(at.format) !== 0) throw bad('format', word(at.format));
  const size = view.getBigUint64(at.size, at.littleEndian);
  if (size > MAX_SIZE) throw bad('size', size.toString());

  const name = Buffer.from(bytes.subarray(at.name, at.name + at.nameLength));
  const end = name.indexOf(0);
  if (end < 0) throw bad('backing file name', 'not terminated');
  if (end === 0) throw bad('backing file name', 'empty');
  return layOut({
    layout,
    backing: name.subarray(0, end),
    mtime: word(at.mtime),
    size: Number(size),
    sectorSize,
    alignment,
  });
}

/** Completes a header: where bitmap and data lie (cow_sizes() of cow_user.c). */
export function layOut(values: HeaderValues): CowHeader {
  const { layout, size, sectorSize, alignment } = values;
  const { version, length } = LAYOUTS[layout];
  const sectors = Math.ceil(size / sectorSize);
  const wholeBitmap = Math.ceil(sectors / 8);
  if (version === 3) {
    const bitmapOffset = roundUp(length, alignment);
    const dataOffset = roundUp(bitmapOffset + wholeBitmap, alignment);
    return { ...values, sectors, bitmapOffset, bitmapLength: wholeBitmap, dataOffset };
  }
  // V1 and V2 round the bitmap's length down; the missing byte is still there if it falls into the padding before the data.
  const floored = Math.floor((size + sectorSize - 1) / (8 * sectorSize));
  const dataOffset = roundUp(length + floored, sectorSize);
  return {
    ...values,
    sectors,
    bitmapOffset: length,
    bitmapLength: Math.min(wholeBitmap, dataOffset - length),
    dataOffset,
  };
}

/**
 * Makes a header's bytes, in its own layout, every unused byte zero.
 * @throws CowError `name-too-long`
 */
export function encodeHeader(header: HeaderValues): Uint8Array {
  const at = LAYOUTS[header.layout];
  if (header.backing.length >= at.nameLength) {
    throw new CowError('name-too-long', header.backing.toString(), { limit: at.nameLength - 1 });
  }
  const bytes = new Uint8Array(at.length);
  const view = viewOf(bytes);
  const little = at.littleEndian;
  view.setUint32(0, MAGIC, little);
  view.setUint32(4, at.version, little);
  view.setUint32(at.mtime, header.mtime, little);
  view.setBigUint64(at.size, BigInt(header.size), little);
  view.setUint32(at.sectorSize, header.sectorSize, little);
  if (at.alignment !== undefined) view.setUint32(at.alignment, header.alignment, little);
  bytes.set(header.backing, at.name);
  return bytes;
}

/** The bytes of a header's mtime field, and where they lie. */
export function encodeMtime(layout: CowLayout, mtime: number): { offset: number; bytes: Uint8Array } {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, mtime, LAYOUTS[layout].littleEndian);
  return { offset: LAYOUTS[layout].mtime, bytes };
}

/** Where the name field lies in the file, for what is kept in its unused end. */
export function nameField(layout: CowLayout): { offset: number; length: number } {
  return { offset: LAYOUTS[layout].name, length: LAYOUTS[layout].nameLength };
}

function layoutOf(bytes: Uint8Array, path: string): CowLayout {
  const version = versionOf(bytes);
  const little = viewOf(bytes).getUint32(0, true) === MAGIC;
  if (version === 1) return little ? 'v1-le' : 'v1-be';
  if (little || version < 1 || version > 3) throw new CowError('header-version', path, { version });
  if (version === 2) return 'v2';
  return isBroken64(bytes) ? 'v3-64' : 'v3';
}

function versionOf(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  return view.getUint32(4, view.getUint32(0, true) === MAGIC);
}

/** As the C code, that reads into zeroed memory: what lies past the end of a short file counts as zeros. */
function pad(start: Uint8Array): Uint8Array {
  if (start.length >= HEADER_BYTES) return start;
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(start);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isPowerOfTwo(n: number): boolean {
  return n > 0 && Number.isInteger(Math.log2(n));
}

function roundUp(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit;
}
