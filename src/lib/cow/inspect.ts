import { fstatSync } from 'node:fs';
import { lockHolder } from '../os/index.ts';
import { compareBacking } from './backing.ts';
import { hasBit, runEnd } from './bitmap.ts';
import { about, CowError } from './error.ts';
import { DataMap } from './extents.ts';
import { type CowHeader, HEADER_BYTES, hasMagic, parseHeader } from './header.ts';
import { type FileName, type HeldFile, hold, identify } from './held.ts';
import { isInterrupted, parseMark } from './journal.ts';

/** What an image file is. Sizes in bytes. */
export interface ImageInfo {
  readonly file: string;
  /** The size that a guest sees. */
  readonly size: number;
  /** The file's own length, and what it takes up on its disk. */
  readonly fileSize: number;
  readonly allocated: number;
  /** The process that has it open for writing, as far as its lock tells. */
  readonly usedBy: number | undefined;
  /** Undefined for a plain image. */
  readonly cow: CowInfo | undefined;
}

export interface CowInfo {
  readonly header: CowHeader;
  /** Sectors that the COW file holds. */
  readonly dirtySectors: number;
  /** Whether an in-place merge was begun and not finished. */
  readonly mergeBegun: boolean;
  /** The backing file; what is wrong with it, if anything. */
  readonly backing: { readonly name: string; readonly error?: CowError; readonly image?: ImageInfo };
}

/**
 * Looks into an image file, and into its backing file, and so on. It takes no lock, so that it works while the image is
 * in use; the answer is then that of a moment.
 * @throws CowError of the file itself; what is wrong with its backing file is part of the answer
 */
export function inspectImage(file: string): ImageInfo {
  return inspect(file, new Set());
}

function inspect(name: FileName, above: ReadonlySet<string>): ImageInfo {
  const file = hold(name, 'read', 'none');
  try {
    const { key, size: fileSize } = file.identity();
    const stat = about(file.path, () => fstatSync(file.fd));
    const start = file.readNow(HEADER_BYTES, 0);
    const common = { file: file.path, fileSize, allocated: stat.blocks * 512, usedBy: writerOf(file) };
    if (!hasMagic(start)) return { ...common, size: fileSize, cow: undefined };
    const header = parseHeader(start, file.path);
    let dirtySectors = 0;
    for (const { from, to, isHeld } of runsOf(file, header)) if (isHeld) dirtySectors += to - from;
    const mark = parseMark(start, header);
    const backing = inspectBacking(header, new Set([...above, key]), (actual) => isInterrupted(mark, header, actual));
    return { ...common, size: header.size, cow: { header, dirtySectors, mergeBegun: mark !== undefined, backing } };
  } finally {
    file.close();
  }
}

function writerOf(file: HeldFile): number | undefined {
  try {
    return lockHolder(file.fd, 'read');
  } catch {
    return undefined; // a file system without locks
  }
}

function inspectBacking(
  header: CowHeader,
  above: ReadonlySet<string>,
  isExcused: (actual: ReturnType<typeof identify>) => boolean,
): CowInfo['backing'] {
  const name = header.backing.toString();
  try {
    const actual = identify(header.backing);
    if (above.has(actual.key)) throw new CowError('same-file', name, { role: 'COW file', other: 'above it' });
    const image = inspect(header.backing, above);
    try {
      if (!isExcused(actual)) compareBacking(name, header, actual);
      return { name, image };
    } catch (error) {
      return { name, image, error: cowError(error) };
    }
  } catch (error) {
    return { name, error: cowError(error) };
  }
}

function cowError(error: unknown): CowError {
  if (error instanceof CowError) return error;
  throw error;
}

/** Bytes of bitmap that are looked at at a time. */
const WINDOW = 1 << 16;

/** Sectors from `from` to before `to`: held by the COW file, or not. */
interface Run {
  from: number;
  to: number;
  isHeld: boolean;
}

/**
 * The bitmap of a COW file in runs, upward; what has no bit is not held.
 * @throws CowError `truncated`
 */
export function* runsOf(cow: HeldFile, header: CowHeader): Generator<Run> {
  const actual = cow.identity().size;
  const expected = header.bitmapOffset + header.bitmapLength;
  if (actual < expected) throw new CowError('truncated', cow.path, { expected, actual });
  const data = new DataMap(cow.fd);
  let run: Run = { from: 0, to: 0, isHeld: false };
  for (let at = 0; at < header.bitmapLength; at += WINDOW) {
    const position = header.bitmapOffset + at;
    const length = Math.min(WINDOW, header.bitmapLength - at);
    const end = Math.min((at + length) * 8, header.sectors);
    const bits = data.isHole(position, position + length) ? new Uint8Array(0) : cow.readNow(length, position);
    for (let from = at * 8, to: number; from < end; from = to) {
      to = at * 8 + runEnd(bits, from - at * 8, end - at * 8);
      const isHeld = hasBit(bits, from - at * 8);
      if (isHeld === run.isHeld) run.to = to;
      else {
        if (run.to > run.from) yield run;
        run = { from, to, isHeld };
      }
    }
  }
  if (run.isHeld && run.to < header.sectors) {
    yield run;
    run = { from: run.to, to: header.sectors, isHeld: false };
  }
  run.to = run.isHeld ? run.to : header.sectors;
  if (run.to > run.from) yield run;
}

/** A range of an image: where it comes from. Bytes. */
export interface MapEntry {
  readonly offset: number;
  readonly length: number;
  readonly from: 'cow' | 'backing';
  /** Where it lies in that file. */
  readonly at: number;
}

/**
 * Tells which file each range of a COW image comes from, upward, without gaps. It takes no lock and needs no backing file.
 * @throws CowError
 */
export function* mapImage(file: string): Generator<MapEntry> {
  const cow = hold(file, 'read', 'none');
  try {
    const header = parseHeader(cow.readNow(HEADER_BYTES, 0), cow.path);
    const { size, sectorSize, dataOffset } = header;
    for (const { from, to, isHeld } of runsOf(cow, header)) {
      const offset = from * sectorSize;
      const length = Math.min(to * sectorSize, size) - offset;
      yield { offset, length, from: isHeld ? 'cow' : 'backing', at: isHeld ? dataOffset + offset : offset };
    }
  } finally {
    cow.close();
  }
}
