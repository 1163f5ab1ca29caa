import { realpathSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { OsError } from '../os/index.ts';
import { CowError, systemError } from './error.ts';
import { ALIGNMENT, type CowHeader, layOut, nameField, SECTOR } from './header.ts';
import { type FileName, type Identity, identify } from './held.ts';
import { umlText } from './texts.ts';

/** Takes UML's messages, one a call, without a newline. */
export type Report = (message: string) => void;

/**
 * The header of a new V3 COW file over a backing file, and which file that is.
 * @throws CowError `system`, `name-too-long`; what the C code would print is reported first
 */
export function describeBacking(backing: string, report: Report): { header: CowHeader; identity: Identity } {
  const name = absolutize(backing, report);
  const identity = step(
    () => identifyFile(name),
    (errno) => report(umlText.headerModtimeFailed(name, errno)),
  );
  const header = layOut({
    layout: 'v3',
    backing: Buffer.from(name),
    mtime: identity.mtime,
    size: identity.size,
    sectorSize: SECTOR,
    alignment: ALIGNMENT,
  });
  return { header, identity };
}

/** A backing file's absolute name: its directory without symbolic links, its last part as it is (spec 6.3). */
export function absolutize(file: string, report: Report): string {
  const slash = file.lastIndexOf('/');
  const directory = slash < 0 ? '.' : file.slice(0, slash) || '/';
  const real = step(
    () => realpathSync(directory),
    (errno) => report(umlText.cantChangeTo(file, errno)), // the C code names the file too
  );
  const name = `${real === '/' ? '' : real}/${file.slice(slash + 1)}`;
  const limit = nameField('v3').length - 1;
  if (Buffer.byteLength(name) > limit) {
    report(umlText.nameTooLong(name, limit));
    throw new CowError('name-too-long', name, { limit });
  }
  return name;
}

/** Everything but a directory can have a COW file: an empty device is an empty image. */
function identifyFile(name: string): Identity {
  if (statSync(name).isDirectory()) throw new OsError('open', constants.errno.EISDIR, name);
  return identify(name);
}

/**
 * Checks that a file is the one that a header describes, by size and time.
 * @throws CowError `system`, `size-mismatch`, `mtime-mismatch`, after reporting it as UML does (backing_file_mismatch())
 */
export function checkBacking(backing: FileName, header: CowHeader, report: Report): void {
  const path = backing.toString();
  const actual = step(
    () => identify(backing),
    (errno) => report(umlText.modtimeFailed(path, errno)),
  );
  try {
    compareBacking(path, header, actual);
  } catch (error) {
    const { expected, actual: found } = (error as CowError).details as { expected: number; actual: number };
    const isSize = (error as CowError).code === 'size-mismatch';
    report(isSize ? umlText.sizeMismatch(expected, found) : umlText.mtimeMismatch(expected, found));
    throw error;
  }
}

/** @throws CowError `size-mismatch`, `mtime-mismatch` */
export function compareBacking(path: string, header: CowHeader, actual: Identity): void {
  if (actual.size !== header.size) {
    throw new CowError('size-mismatch', path, { expected: header.size, actual: actual.size });
  }
  if (actual.mtime !== header.mtime) {
    throw new CowError('mtime-mismatch', path, { expected: header.mtime, actual: actual.mtime });
  }
}

/** Runs one step; a failure is handed on with its errno before it is thrown as a CowError. */
export function step<T>(work: () => T, onError: (errno: number) => void): T {
  try {
    return work();
  } catch (error) {
    const failure = systemError(error, pathOf(error));
    onError(failure.errno);
    throw failure;
  }
}

function pathOf(error: unknown): string {
  return error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : '';
}
