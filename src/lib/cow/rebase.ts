import { fstatSync, fsyncSync, ftruncateSync, futimesSync, linkSync, lstatSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { hasCode } from '../os/index.ts';
import { absolutize, compareBacking } from './backing.ts';
import { draftBeside } from './beside.ts';
import { hasBit, runEnd } from './bitmap.ts';
import { keepOwner, publish, syncDirectory } from './create.ts';
import { differingExtents } from './diff.ts';
import { about, CowError } from './error.ts';
import { nonZeroExtents } from './extents.ts';
import { type CowHeader, encodeHeader, HEADER_BYTES, hasMagic, parseHeader, SECTOR } from './header.ts';
import { type HeldFile, hold } from './held.ts';
import { compareImages, Image, type Watch } from './image.ts';
import { parseMark } from './journal.ts';
import { GROUP, OverlayDisk, readBitmap } from './overlay.ts';
import { openSource } from './source.ts';

/** A COW file held for writing, its header checked. */
interface HeldCow {
  file: HeldFile;
  header: CowHeader;
}

async function withCow<T>(name: string, work: (cow: HeldCow) => T | Promise<T>): Promise<T> {
  const file = hold(name, 'write', 'write');
  try {
    const start = file.readNow(HEADER_BYTES, 0);
    const header = parseHeader(start, name);
    if (parseMark(start, header)) throw new CowError('merge-begun', name);
    return await work({ file, header });
  } finally {
    file.close();
  }
}

/** Names another backing file in a header, and makes that durable. */
async function writeHeader({ file, header }: HeldCow, backing: string, mtime: number): Promise<void> {
  await file.write(encodeHeader({ ...header, backing: Buffer.from(backing), mtime }), 0);
  await file.sync();
}

export interface RebaseOptions extends Watch {
  cow: string;
  /** The backing file from now on. */
  backing: string;
  /** Takes it though nothing shows that it is the right one; its size must fit. */
  unproven?: true;
}

/**
 * Records another backing file in a COW file. What a guest sees stays the same: where the new backing file differs from
 * the old one, the old content is first copied into the COW file. Without the old one the new one must have the size and
 * time that the header says, by which UML itself would know it.
 * @returns bytes that were copied into the COW file
 * @throws CowError `size-mismatch`, `unproven`, `cow-backing`, `merge-begun`, `locked`, `name-too-long`
 */
export async function rebaseCow({ cow, backing, unproven, ...watch }: RebaseOptions): Promise<number> {
  return withCow(cow, async (held) => {
    const name = absolutize(backing, () => {});
    encodeHeader({ ...held.header, backing: Buffer.from(name) }); // before anything is written: does the name fit?
    const base = hold(backing, 'read', 'read');
    try {
      if (hasMagic(base.readNow(HEADER_BYTES, 0))) throw new CowError('cow-backing', backing);
      const identity = base.identity();
      compareBacking(backing, { ...held.header, mtime: identity.mtime }, identity);
      const copied = unproven ? 0 : await keepContent(held, base, watch);
      compareBacking(backing, { ...held.header, mtime: identity.mtime }, base.identity());
      await writeHeader(held, name, identity.mtime);
      return copied;
    } finally {
      base.close();
    }
  });
}

/** Copies into the COW file what the old backing file has different from the new one; without an old one compares times. */
async function keepContent({ file, header }: HeldCow, base: HeldFile, watch: Watch): Promise<number> {
  let old: HeldFile;
  try {
    old = hold(header.backing, 'read', 'read');
  } catch (error) {
    if (!(error instanceof CowError)) throw error;
    return requireTime(base, header, error);
  }
  try {
    compareBacking(old.path, header, old.identity());
    return await copyDifferences({ file, header }, old, base, watch);
  } catch (error) {
    if (!(error instanceof CowError) || (error.code !== 'size-mismatch' && error.code !== 'mtime-mismatch'))
      throw error;
    return requireTime(base, header, error);
  } finally {
    old.close();
  }
}

function requireTime(base: HeldFile, header: CowHeader, reason: CowError): number {
  if (base.identity().mtime === header.mtime) return 0;
  throw new CowError('unproven', base.path, { reason: reason.message }, reason);
}

async function copyDifferences(
  { file, header }: HeldCow,
  old: HeldFile,
  base: HeldFile,
  watch: Watch,
): Promise<number> {
  const [oldImage, newImage] = [Image.ofFile(old), Image.ofFile(base)];
  if (oldImage.baseKey === newImage.baseKey) return 0;
  if (header.sectorSize !== SECTOR) {
    throw new CowError('header-field', file.path, { field: 'sector size', value: header.sectorSize });
  }
  const bits = readBitmap(file, header);
  const files = { cow: hold(file.path, 'write', 'none'), backing: hold(header.backing, 'read', 'none') };
  const disk = new OverlayDisk(files, header, bits, { readOnly: false, synchronous: false });
  let copied = 0;
  try {
    await compareImages(oldImage, newImage, watch, async (chunk, wanted, present) => {
      for (const { start, end } of differingExtents(wanted, present, GROUP)) {
        for (let at = start; at < end; at += GROUP) {
          const sector = (chunk.offset + at) / SECTOR;
          const length = Math.min(GROUP, disk.size - chunk.offset - at);
          if (hasBit(bits, sector) && runEnd(bits, sector, sector + length / SECTOR) === sector + length / SECTOR)
            continue;
          const group = Buffer.alloc(length);
          await disk.read(chunk.offset + at, group);
          await disk.write(chunk.offset + at, group);
          copied += length;
        }
      }
    });
  } finally {
    await disk.close(); // flushes
  }
  return copied;
}

/**
 * Moves the backing file of a COW file to another name, its time kept, and records the name. Whenever it is interrupted,
 * the COW file names a file that is whole; then the other name may be there too. To another file system it is copied.
 * @returns the new name, absolute
 * @throws CowError `system` (EEXIST if something has that name), `locked` while anything over it is in use,
 * `not-movable`, `merge-begun`
 */
export async function moveBacking({ cow, to, ...watch }: Watch & { cow: string; to: string }): Promise<string> {
  const source = await openSource({ cow }, 'write', 'write');
  try {
    const { cow: file, backing, header, mark } = source;
    if (mark) throw new CowError('merge-begun', cow);
    if (!about(backing.path, () => lstatSync(header.backing)).isFile()) throw new CowError('not-movable', backing.path);
    const name = absolutize(to, () => {});
    encodeHeader({ ...header, backing: Buffer.from(name) }); // does the name fit?
    await giveName(backing, header, name, watch);
    syncDirectory(dirname(name));
    await writeHeader({ file, header }, name, header.mtime);
    about(backing.path, () => rmSync(header.backing));
    syncDirectory(dirname(backing.path));
    return name;
  } finally {
    source.close();
  }
}

/** Gives a file a second name; where that can't be, makes a durable copy. */
async function giveName(backing: HeldFile, header: CowHeader, to: string, watch: Watch): Promise<void> {
  try {
    about(to, () => linkSync(header.backing, to));
  } catch (error) {
    if (!(error instanceof CowError) || !hasCode(error.cause, 'EXDEV', 'EPERM', 'EOPNOTSUPP')) throw error;
    await copyTo(backing, header, to, watch);
  }
}

async function copyTo(backing: HeldFile, header: CowHeader, to: string, { progress, signal }: Watch): Promise<void> {
  const { temporary, file: copy } = draftBeside(to, 'none');
  try {
    keepOwner(copy.fd, fstatSync(backing.fd));
    about(to, () => ftruncateSync(copy.fd, header.size));
    const image = Image.ofFile(backing);
    for (const chunk of image.chunks()) {
      signal?.throwIfAborted();
      if (image.isHole(chunk)) continue;
      const bytes = Buffer.allocUnsafeSlow(chunk.length);
      await image.read(chunk, bytes);
      for (const { start, end } of nonZeroExtents(bytes)) {
        await copy.write(bytes.subarray(start, end), chunk.offset + start);
      }
      progress?.(chunk.offset + chunk.length, header.size);
    }
    about(to, () => futimesSync(copy.fd, header.mtime, header.mtime));
    await copy.syncWithTimes();
    about(to, () => publish(temporary, to));
  } finally {
    copy.close();
    rmSync(temporary, { force: true });
  }
}

/**
 * Gives a backing file the time that a COW file's header says, so that all COW files over it are accepted again. Only
 * who knows that its content never changed may ask for it.
 * @returns the backing file's name and time before, in seconds
 * @throws CowError `size-mismatch`, `locked` while it is in use, `merge-begun`
 */
export async function restoreTime(cow: string): Promise<{ backing: string; before: number; after: number }> {
  return withCow(cow, ({ header }) => {
    const backing = hold(header.backing, 'write', 'write');
    try {
      const identity = backing.identity();
      compareBacking(backing.path, { ...header, mtime: identity.mtime }, identity);
      about(backing.path, () => {
        futimesSync(backing.fd, header.mtime, header.mtime);
        fsyncSync(backing.fd);
      });
      return { backing: backing.path, before: identity.mtime, after: header.mtime };
    } finally {
      backing.close();
    }
  });
}
