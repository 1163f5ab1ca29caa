import { statSync } from 'node:fs';
import { constants } from 'node:os';
import { absolutize, checkBacking, compareBacking, type Report } from './backing.ts';
import { createHeld } from './create.ts';
import type { Disk } from './disk.ts';
import { CowError, systemError } from './error.ts';
import { type CowHeader, encodeHeader, HEADER_BYTES, isBroken64, parseHeader, SECTOR } from './header.ts';
import { type Access, type FileName, type HeldFile, hold, isWriteRefused, type Lock } from './held.ts';
import { OverlayDisk, readBitmap } from './overlay.ts';
import { PlainDisk } from './plain.ts';
import { headerComplaint, umlText } from './texts.ts';

/** What a `ubdN<flags>=file[,backing]` says. */
export interface DiskSpec {
  /** A plain image, a block device, or a COW file. */
  file: string;
  /** The COW file's backing file; without it the one that the header names. The COW file is created if it is not there. */
  backing?: string;
  /** Flag `r`. */
  readOnly?: true;
  /** Flag `c`: no locks. */
  shared?: true;
  /** Flag `d`: the file is data, even if it looks like a COW file. */
  dataOnly?: true;
  /** Flag `s`: a write is durable when it completes. */
  synchronous?: true;
}

interface Opened {
  file: HeldFile;
  readOnly: boolean;
  /** Undefined for a plain image. */
  cow?: { header: CowHeader; backing: FileName };
}

/**
 * Opens a disk as UML opens a ubd device (spec 6.4): locks, checks of size and time, creation of the COW file, the
 * switch to a moved backing file. What can't be written is opened read-only.
 * @param report takes the messages that UML prints meanwhile, one a call
 * @throws CowError, its `errno` the one that UML would give; then nothing stays open, locked or created
 */
export async function openDisk(spec: DiskSpec, report: Report): Promise<Disk> {
  let opened: Opened;
  try {
    opened = await openFile(spec, report);
  } catch (error) {
    const failure = systemError(error, spec.file);
    report(umlText.openFailed(spec.file, failure.errno));
    throw failure;
  }
  const { file, readOnly, cow } = opened;
  const options = { readOnly, synchronous: spec.synchronous === true };
  let backing: HeldFile | undefined;
  try {
    if (!cow) return new PlainDisk(file, options);
    const bits = readBitmap(file, cow.header);
    backing = holdLocked(cow.backing, 'read', spec, report);
    // again, now that the lock keeps others from changing it
    compareBacking(backing.path, cow.header, backing.identity());
    return new OverlayDisk({ cow: file, backing }, cow.header, bits, options);
  } catch (error) {
    backing?.close();
    file.close();
    throw systemError(error, spec.file);
  }
}

/** The first half of ubd_open_dev(): open_ubd_file(), else create_cow_file(). */
async function openFile(spec: DiskSpec, report: Report): Promise<Opened> {
  const { file: name, backing } = spec;
  let held: { file: HeldFile; readOnly: boolean };
  try {
    held = holdWritable(spec, report);
  } catch (error) {
    if (!backing || spec.dataOnly || spec.readOnly || !isMissing(error)) throw error;
    return create(spec, backing, report);
  }
  const { file, readOnly } = held;
  try {
    if (spec.dataOnly) return held;
    const header = readHeader(file, report);
    if (header instanceof CowError) {
      if (!backing && !isDamagedCow(header)) return held;
      report(umlText.headerFailed(name, header.errno));
      throw header;
    }
    if (header.sectorSize !== SECTOR) {
      throw new CowError('header-field', name, { field: 'sector size', value: header.sectorSize });
    }
    return { file, readOnly, cow: { header, backing: await chooseBacking(spec, file, header, report) } };
  } catch (error) {
    file.close();
    throw error;
  }
}

function holdWritable(spec: DiskSpec, report: Report): { file: HeldFile; readOnly: boolean } {
  if (!spec.readOnly) {
    try {
      return { file: holdLocked(spec.file, 'write', spec, report), readOnly: false };
    } catch (error) {
      if (!isWriteRefused(error)) throw error;
    }
  }
  return { file: holdLocked(spec.file, 'read', spec, report), readOnly: true };
}

function holdLocked(name: FileName, access: Access, spec: DiskSpec, report: Report): HeldFile {
  const path = name.toString();
  const lock: Lock = spec.shared ? 'none' : access;
  try {
    const file = hold(name, access, lock);
    if (spec.shared) report(umlText.notLocking(path));
    return file;
  } catch (error) {
    if (error instanceof CowError && error.code === 'locked') {
      report(umlText.alreadyLocked(Number(error.details.pid)));
      report(umlText.lockFailed(path, error.errno));
    }
    throw error;
  }
}

function create(spec: DiskSpec, backing: string, report: Report): Opened {
  try {
    const { file, header } = createHeld(spec.file, backing, spec.shared ? 'none' : 'write', report);
    report(umlText.creating(spec.file, backing));
    return { file, readOnly: false, cow: { header, backing: header.backing } };
  } catch (error) {
    const failure = systemError(error, spec.file);
    if (failure.path === spec.file) report(umlText.createFailed(spec.file, failure.errno));
    throw failure;
  }
}

/** The header, or why there is none; what the C code prints about it is reported. */
export function readHeader(file: HeldFile, report: Report): CowHeader | CowError {
  const start = file.readNow(HEADER_BYTES, 0);
  if (isBroken64(start)) report(umlText.broken64);
  try {
    return parseHeader(start, file.path);
  } catch (error) {
    if (!(error instanceof CowError)) throw error;
    const complaint = headerComplaint(error.code, error.details);
    if (complaint !== undefined) report(complaint);
    return error;
  }
}

/** UML takes a COW file whose header it can't use for a plain image, and lets the guest write into it. */
function isDamagedCow(error: CowError): boolean {
  return error.code !== 'not-cow' && !(error.code === 'header-short' && error.details.version === undefined);
}

/** path_requires_switch() and what follows it in open_ubd_file(): the file asked for, or the one in the header. */
async function chooseBacking(spec: DiskSpec, file: HeldFile, header: CowHeader, report: Report): Promise<FileName> {
  const asked = spec.backing;
  if (asked !== undefined && isOtherFile(asked, header, file.path, report)) {
    let fits = true;
    try {
      checkBacking(asked, header, report);
    } catch {
      fits = false; // reported; the header's file is used
    }
    if (fits) return switchBacking(asked, file, header, report);
  }
  checkBacking(header.backing, header, report);
  return header.backing;
}

function isOtherFile(asked: string, header: CowHeader, cow: string, report: Report): boolean {
  const recorded = header.backing.toString();
  if (asked === recorded) return false;
  const wanted = statOrReport(asked, report);
  if (!wanted) return false;
  const named = statOrReport(header.backing, report);
  if (!named) return true;
  if (wanted.dev === named.dev && wanted.ino === named.ino) return false;
  report(umlText.backingDiffers(asked, recorded, cow));
  return true;
}

function statOrReport(name: FileName, report: Report): { dev: bigint; ino: bigint } | undefined {
  try {
    return statSync(name, { bigint: true });
  } catch (error) {
    report(umlText.statFailed(name.toString(), systemError(error, name.toString()).errno));
    return undefined;
  }
}

/** Writes the new name, absolute, into the header, in the header's own layout: UML's V3 header would overwrite a V1 or V2 bitmap. */
async function switchBacking(asked: string, file: HeldFile, header: CowHeader, report: Report): Promise<Buffer> {
  report(umlText.switching(asked));
  try {
    const backing = Buffer.from(absolutize(asked, report));
    await file.write(encodeHeader({ ...header, backing }), 0);
    await file.sync();
    return backing;
  } catch (error) {
    const failure = systemError(error, file.path);
    report(umlText.switchFailed(failure.errno));
    throw failure;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof CowError && error.errno === constants.errno.ENOENT;
}
