// SPDX-License-Identifier: GPL-2.0-or-later

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** What is built: the kernel, or the demo root file system. */
export type Kind = 'kernel' | 'root';

/**
 * The record of a finished build, `<kind>-<inputs>.json`.
 *
 * The folder's name also covers what the package sources offered on the day of the build.  The record spares a start
 * of the emulator from asking them.
 */
export interface Built {
  /** The folder's name below the guest cache: a hash. */
  folder: string;
  /** Of the kernel's source, or of the packages in the root file system. */
  version: string;
  /** What `uname -r` says in the guest; empty for the root file system. */
  release: string;
}

/** `$UML_CACHE_DIR`, else `$XDG_CACHE_HOME/uml-utilities`, else `~/.cache/uml-utilities`. */
export function cacheFolder(): string {
  const own = process.env.UML_CACHE_DIR;
  if (own) return resolve(own);
  const base = process.env.XDG_CACHE_HOME || join(process.env.HOME || homedir(), '.cache');
  return join(base, 'uml-utilities');
}

/** Where kernels and root file systems are kept. */
export function guestCache(): string {
  return join(cacheFolder(), 'guest');
}

/** Hash of the names, contents and executable bits of all files below the folders, and of the words. */
export function hashInputs(folders: readonly string[], words: readonly string[]): string {
  const hash = createHash('sha256');
  for (const word of words) hash.update(`${word}\0`);
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
      const path = join(folder, name);
      const stat = statSync(path);
      if (!stat.isFile()) continue;
      const content = readFileSync(path);
      hash.update(`${name}\0${stat.mode & 0o100 ? 'x' : '-'}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function recordPath(kind: Kind, inputs: string): string {
  return join(guestCache(), `${kind}-${inputs}.json`);
}

function readRecord(path: string, file: string): Built | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof record !== 'object' || record === null) return undefined;
    const { folder, version, release } = record as Record<string, unknown>;
    if (typeof folder !== 'string' || typeof version !== 'string' || typeof release !== 'string') return undefined;
    return existsSync(join(guestCache(), folder, file)) ? { folder, version, release } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The finished build of these inputs that holds `file`, if there is one.
 *
 * Without inputs (a packaged program has no source folder beside it) the newest build counts.
 */
export function findBuilt(kind: Kind, inputs: string | undefined, file: string): Built | undefined {
  if (inputs !== undefined) return readRecord(recordPath(kind, inputs), file);
  let newest: { built: Built; time: number } | undefined;
  for (const name of existsSync(guestCache()) ? readdirSync(guestCache()) : []) {
    if (!name.startsWith(`${kind}-`) || !name.endsWith('.json')) continue;
    const path = join(guestCache(), name);
    const built = readRecord(path, file);
    const time = built ? statSync(path).mtimeMs : 0;
    if (built && time > (newest?.time ?? 0)) newest = { built, time };
  }
  return newest?.built;
}

/** Makes a finished folder known, and with it the build: from here on it is found. */
export function recordBuilt(kind: Kind, inputs: string, built: Built): void {
  const path = recordPath(kind, inputs);
  mkdirSync(guestCache(), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, `${JSON.stringify(built)}\n`);
  renameSync(`${path}.${process.pid}`, path);
}
