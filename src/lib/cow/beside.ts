import { constants, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { about } from './error.ts';
import { type HeldFile, holdCreated, type Lock } from './held.ts';

/** A file that is to take another name when it is complete. */
export interface Draft {
  readonly temporary: string;
  readonly file: HeldFile;
}

/**
 * Makes a new file in the directory of `target`.
 * @param path what errors name instead of it
 */
export function draftBeside(target: string, lock: Lock, path = target): Draft {
  const temporary = join(dirname(target), `.uml-${process.pid.toString(36)}${process.hrtime.bigint().toString(36)}`);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
  const fd = about(path, () => openSync(temporary, flags, 0o644));
  return { temporary, file: holdCreated(fd, path, lock) };
}
