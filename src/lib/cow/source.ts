import { compareBacking, type Report } from './backing.ts';
import { CowError } from './error.ts';
import { type CowHeader, HEADER_BYTES } from './header.ts';
import { type Access, type HeldFile, hold, type Identity, identify } from './held.ts';
import { isInterrupted, type MergeMark, parseMark } from './journal.ts';
import { readHeader } from './open.ts';

/** What a merge was doing when it failed: `details.step` of its CowError. */
export type MergeStep =
  | 'open-cow'
  | 'read-header'
  | 'stat-backing'
  | 'open-backing'
  | 'open-output'
  | 'read-bitmap'
  | 'read-data'
  | 'write-data';

/** Runs one step of a merge: what it throws carries the step's name. */
export async function during<T>(step: MergeStep, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CowError) || error.details.step !== undefined) throw error;
    throw new CowError(error.code, error.path, { ...error.details, step }, error.cause);
  }
}

/** The two files of a merge, locked, and checked to belong together. */
export interface MergeSource {
  readonly cow: HeldFile;
  readonly backing: HeldFile;
  readonly header: CowHeader;
  /** What the backing file was when the merge began. */
  readonly identity: Identity;
  /** The mark that an interrupted in-place merge has left. */
  readonly mark: MergeMark | undefined;
  close(): void;
}

export interface SourceOptions {
  cow: string;
  /** Instead of the backing file that the header names. */
  backing?: string;
  /** Goes on though the backing file's time is not the header's. */
  ignoreMtime?: true;
  report?: Report;
}

/**
 * Opens what is to be merged.
 * @param access of the backing file
 * @param cowAccess of the COW file
 */
export async function openSource(
  { cow: name, backing: asked, ignoreMtime, report = () => {} }: SourceOptions,
  access: Access,
  cowAccess: Access,
): Promise<MergeSource> {
  const cow = await during('open-cow', () => hold(name, cowAccess, cowAccess));
  let backing: HeldFile | undefined;
  try {
    const header = await during('read-header', () => {
      const result = readHeader(cow, report);
      if (result instanceof CowError) throw result;
      return result;
    });
    const mark = parseMark(cow.readNow(HEADER_BYTES, 0), header);
    const backingName = asked ?? header.backing;
    const check = (actual: Identity) => {
      if (isInterrupted(mark, header, actual)) return;
      compareBacking(backingName.toString(), ignoreMtime ? { ...header, mtime: actual.mtime } : header, actual);
    };
    await during('stat-backing', () => check(identify(backingName)));
    backing = await during('open-backing', () => hold(backingName, access, access));
    const identity = backing.identity();
    check(identity); // again, now that the lock keeps others from changing it
    const held = backing;
    const close = () => {
      held.close();
      cow.close();
    };
    return { cow, backing, header, identity, mark, close };
  } catch (error) {
    backing?.close();
    cow.close();
    throw error;
  }
}
