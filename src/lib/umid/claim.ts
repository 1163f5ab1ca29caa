import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { errnoOf, errorText, hasCode, lockFile } from '../os/index.ts';
import { makeBase } from './base.ts';
import { UmidError } from './error.ts';
import { unlessMissing } from './missing.ts';
import { parsePid, stateOf } from './owner.ts';

/** UMID_LEN less the NUL; a longer one is silently replaced by a random one (spec 5). */
const MAX_UMID = 63;
const RANDOM_LENGTH = 6;
const RANDOM_LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const ATTEMPTS = 100;
/** More than a pid file holds. */
const PID_TEXT = 32;

/** A umid directory that this process has. */
export interface UmidDirectory {
  readonly name: string;
  /** The directory, without a trailing `/`. */
  readonly path: string;
  /** Where the management console's socket belongs. */
  readonly socketPath: string;
  readonly pidPath: string;
  /** What UML would have printed on the way: the name was in use, a random one was taken. */
  readonly warnings: readonly UmidError[];
  /** Removes the files and the directory. Synchronous, so that exit handlers can call it; a second call does nothing. */
  release(): void;
}

export interface ClaimOptions {
  /** From `umidBase`; it is made if it is missing. */
  base: string;
  /** The name asked for; empty, missing or over 63 bytes: a random one. */
  name?: string | undefined;
}

/**
 * Takes a umid directory for this process: makes it, or takes over what a dead instance left. If the name is in use,
 * or the directory can't be had, a random name is taken instead and `warnings` says why, as UML does (spec 5). The
 * directory is held by a lock on its pid file, so of two starters at once one gets the name.
 * @throws UmidError BASE, and what kept even a random name from being taken
 */
export function claimUmid({ base, name }: ClaimOptions): UmidDirectory {
  makeBase(base);
  const warnings: UmidError[] = [];
  if (name && Buffer.byteLength(name) <= MAX_UMID) {
    try {
      return claimNamed(base, name, warnings);
    } catch (error) {
      if (!(error instanceof UmidError)) throw error;
      if (error.code === 'IN_USE') warnings.push(error);
      const message = `Failed to initialize umid "${name}", trying with a random umid`;
      warnings.push(new UmidError('RANDOM', message, { umid: name }));
    }
  }
  return claimRandom(base, warnings);
}

function claimRandom(base: string, warnings: readonly UmidError[]): UmidDirectory {
  for (let attempt = 0; ; attempt++) {
    const name = Array.from({ length: RANDOM_LENGTH }, randomLetter).join('');
    try {
      mkdirSync(base + name);
    } catch (error) {
      if (hasCode(error, 'EEXIST') && attempt < ATTEMPTS) continue;
      throw directoryError(name, error);
    }
    return claimNamed(base, name, warnings);
  }
}

/** Nobody need be kept from guessing it, and node:crypto would cost every tool 4 ms of its start. */
function randomLetter(): string {
  return RANDOM_LETTERS.charAt(Math.floor(Math.random() * RANDOM_LETTERS.length));
}

/** @throws UmidError IN_USE, DIRECTORY */
function claimNamed(base: string, name: string, warnings: readonly UmidError[]): UmidDirectory {
  const path = base + name;
  try {
    const fd = lockPidFile(path, name);
    try {
      const text = Buffer.alloc(PID_TEXT);
      const pid = parsePid(text.toString('latin1', 0, readSync(fd, text)));
      if (stateOf(path, pid) !== 'stale') throw inUse(name, pid ?? 0);
      removeFiles(path, 'but the pid file');
      ftruncateSync(fd);
      writeSync(fd, `${process.pid}\n`, 0);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new Claimed(name, path, fd, warnings);
  } catch (error) {
    throw error instanceof UmidError ? error : directoryError(name, error);
  }
}

/**
 * The pid file of a directory, made where it is missing, and write-locked by this process. The lock stays for the life
 * of the instance: it decides between two starters, and a claim that meets it knows at once that the name is in use.
 */
function lockPidFile(path: string, name: string): number {
  for (let attempt = 0; ; attempt++) {
    try {
      mkdirSync(path); // 0777 less the umask
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      if (!isUmidDirectory(path)) throw error;
      if (isHeld(`${path}/pid`)) throw inUse(name, process.pid);
    }
    let fd: number;
    try {
      fd = openSync(`${path}/pid`, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
    } catch (error) {
      if (hasCode(error, 'ENOENT') && attempt < ATTEMPTS) continue; // its owner has just removed the directory
      throw error;
    }
    try {
      const holder = lockFile(fd, 'write');
      if (holder !== undefined) throw inUse(name, holder);
      if (isFileOf(fd, `${path}/pid`)) return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd); // its owner removed it before the lock was had
    if (attempt >= ATTEMPTS) throw inUse(name, 0);
  }
}

/**
 * The pid files that this process has locked. A record lock does not exclude its own process, and is lost when that
 * process closes any descriptor of the file: what is in here is not opened again.
 */
const held = new Set<string>();

function isHeld(path: string): boolean {
  const there = unlessMissing(() => statSync(path), undefined);
  return there !== undefined && held.has(inode(there));
}

/** Whether taking over a directory, which empties it, can hurt nobody: it is empty, or has what instances leave. */
function isUmidDirectory(path: string): boolean {
  const entries: string[] = unlessMissing(() => readdirSync(path), []);
  return entries.length === 0 || entries.includes('pid') || entries.includes('mconsole');
}

class Claimed implements UmidDirectory {
  readonly name: string;
  readonly path: string;
  readonly socketPath: string;
  readonly pidPath: string;
  readonly warnings: readonly UmidError[];
  private fd: number | undefined;

  constructor(name: string, path: string, fd: number, warnings: readonly UmidError[]) {
    this.name = name;
    this.path = path;
    this.socketPath = `${path}/mconsole`;
    this.pidPath = `${path}/pid`;
    this.fd = fd;
    this.warnings = warnings;
    held.add(inode(fstatSync(fd)));
  }

  release(): void {
    const fd = this.fd;
    if (fd === undefined) return;
    this.fd = undefined;
    held.delete(inode(fstatSync(fd)));
    try {
      if (!isFileOf(fd, this.pidPath)) return; // somebody removed it and another instance may have the name by now
      removeFiles(this.path, 'all');
      rmdirSync(this.path);
    } catch {
      // a file or directory that can't be removed: the next owner of the name deals with it, as with any stale one
    } finally {
      closeSync(fd);
    }
  }
}

/** Unlinks what is in the directory, not directories; the pid file last, since it says whose it is. */
function removeFiles(path: string, which: 'all' | 'but the pid file'): void {
  for (const entry of readdirSync(path)) {
    if (entry !== 'pid') unlinkSync(`${path}/${entry}`);
  }
  if (which === 'all') unlinkSync(`${path}/pid`);
}

function isFileOf(fd: number, path: string): boolean {
  const there = unlessMissing(() => statSync(path), undefined);
  return there !== undefined && inode(there) === inode(fstatSync(fd));
}

function inode({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev}:${ino}`;
}

function inUse(umid: string, pid: number): UmidError {
  return new UmidError('IN_USE', `umid "${umid}" is already in use by pid ${pid}`, { umid, pid });
}

function directoryError(umid: string, error: unknown): UmidError {
  const reason = errnoOf(error) === undefined ? errorText(error) : `err = ${-(errnoOf(error) ?? 0)}`;
  return new UmidError('DIRECTORY', `Failed to create '${umid}' - ${reason}`, { umid });
}
