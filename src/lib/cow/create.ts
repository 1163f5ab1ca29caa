import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { constants as osConstants } from 'node:os';
import { dirname } from 'node:path';
import { errorText, hasCode, OsError } from '../os/index.ts';
import { describeBacking, type Report } from './backing.ts';
import { draftBeside } from './beside.ts';
import { about, CowError, systemError } from './error.ts';
import { type CowHeader, encodeHeader } from './header.ts';
import { type HeldFile, hold, type Lock } from './held.ts';
import { umlText } from './texts.ts';

export interface CreateOptions {
  /** The COW file to make. */
  cow: string;
  /** The file or block device that it goes over. */
  backing: string;
  /** An existing COW file is emptied and described anew; without it that is an error. */
  replace?: true;
  /** Takes the C code's messages, one a call. */
  report?: Report;
}

/**
 * Makes an empty V3 COW file over a backing file. It appears under its name complete and durable, or not at all.
 * @returns its header
 * @throws CowError `system` (EEXIST without `replace`), `locked`, `same-file`, `name-too-long`
 */
export function createCow({ cow, backing, replace, report = () => {} }: CreateOptions): CowHeader {
  if (existsSync(cow)) {
    if (!replace) throw systemError(alreadyThere(), cow);
    return replaceCow(cow, backing, report);
  }
  about(cow, () => accessSync(dirname(cow), constants.W_OK)); // before the backing file, as the C tool
  const created = createHeld(cow, backing, 'write', report);
  created.file.close();
  return created.header;
}

/** Makes a COW file and keeps it open, locked from its first moment. */
export function createHeld(
  cow: string,
  backing: string,
  lock: Lock,
  report: Report,
): { file: HeldFile; header: CowHeader } {
  const { header } = describeBacking(backing, report);
  const { temporary, file } = draftBeside(cow, lock);
  try {
    fill(file, header, report);
    about(cow, () => publish(temporary, cow));
    syncDirectory(dirname(cow));
    return { file, header };
  } catch (error) {
    file.close();
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function replaceCow(cow: string, backing: string, report: Report): CowHeader {
  const { header, identity } = describeBacking(backing, report);
  const file = hold(cow, 'write', 'write');
  try {
    if (file.identity().key === identity.key) {
      throw new CowError('same-file', cow, { role: 'backing file', other: backing });
    }
    about(cow, () => ftruncateSync(file.fd, 0));
    fill(file, header, report);
    return header;
  } finally {
    file.close();
  }
}

/** The whole file is a hole but for its header, so its bitmap says that no sector is here. */
function fill(file: HeldFile, header: CowHeader, report: Report): void {
  try {
    ftruncateSync(file.fd, header.dataOffset + header.size);
    file.writeNow(encodeHeader(header), 0);
    fdatasyncSync(file.fd);
  } catch (error) {
    const { errno } = systemError(error, file.path);
    report(umlText.headerWriteFailed(file.path, errno));
    throw new CowError('system', file.path, { text: errorText(error), step: 'header' }, error);
  }
}

/** Gives a finished file its name, never replacing another. */
export function publish(temporary: string, name: string): void {
  try {
    linkSync(temporary, name);
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP')) throw error;
    // a file system without hard links
    if (existsSync(name)) throw alreadyThere();
    renameSync(temporary, name);
  }
}

/** Makes the names in a directory durable. */
export function syncDirectory(directory: string): void {
  about(directory, () => {
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(fd);
    } catch (error) {
      if (!hasCode(error, 'EINVAL')) throw error; // some file systems have nothing to sync here
    } finally {
      closeSync(fd);
    }
  });
}

/** What open(2) would have said of a file that is in the way. */
export function alreadyThere(): OsError {
  return new OsError('open', osConstants.errno.EEXIST);
}

/** Gives a new file the owner and mode of the one whose place it takes: the C tools write into that. */
export function keepOwner(fd: number, { uid, gid, mode }: Stats): void {
  try {
    fchownSync(fd, uid, gid);
  } catch {
    // only root can give files away
  }
  fchmodSync(fd, mode & 0o7777);
}
