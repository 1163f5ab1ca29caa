// SPDX-License-Identifier: GPL-2.0-or-later

import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { guestCache } from './cache.ts';
import { lock } from './lock.ts';

const PREFIX = 'building-';

/** A place to build in that vanishes, unless its result is kept. */
export interface Workspace {
  /** An empty folder on the cache's file system. */
  folder: string;
  /** Moves a finished folder to its name in the cache in one step. */
  keep(finished: string, name: string): void;
}

/** Sets of half results can only be those of a builder that was killed: we have the lock. */
function sweep(): void {
  for (const name of readdirSync(guestCache())) {
    if (name.startsWith(PREFIX)) rmSync(join(guestCache(), name), { recursive: true, force: true });
  }
}

/** Calls `build` with a workspace, while no other process builds a guest into this cache. */
export async function inWorkspace<T>(
  signal: AbortSignal,
  onWait: (pid: number) => void,
  build: (workspace: Workspace) => Promise<T>,
): Promise<T> {
  mkdirSync(guestCache(), { recursive: true });
  const unlock = await lock(join(guestCache(), 'lock'), signal, onWait);
  try {
    sweep();
    const folder = mkdtempSync(join(guestCache(), PREFIX));
    try {
      return await build({
        folder,
        keep(finished, name) {
          const target = join(guestCache(), name);
          // The same inputs and source give the same kernel; a damaged one is replaced.
          if (existsSync(target)) renameSync(target, join(folder, 'replaced'));
          renameSync(finished, target);
        },
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  } finally {
    unlock();
  }
}
