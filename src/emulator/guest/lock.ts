// SPDX-License-Identifier: GPL-2.0-or-later

import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { GuestBuildError } from './errors.ts';

const POLL_MS = 200;

/** A process for good: a pid alone comes back one day, with another start time. */
function identity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may hold spaces and brackets, field 22 is the start time.
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${pid} ${startTime}`;
  } catch {
    return undefined;
  }
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Creates the file with its content in one step; false if it is there. */
function create(path: string, content: string): boolean {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, content);
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(own);
  }
}

/** Removes the lock of a process that is gone, unless somebody has just done so and locked. */
function breakLock(path: string, stale: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, 'utf8') !== stale) linkSync(aside, path);
  } catch {
    // Another waiter was quicker.
  }
  try {
    unlinkSync(aside);
  } catch {
    // Not ours to remove.
  }
}

/**
 * Waits until this process is the only one that builds, and returns how to end that.
 *
 * @param onWait called once, with the other's pid, if there is a wait.
 * @throws GuestBuildError 'interrupted' if the signal comes while waiting.
 */
export async function lock(path: string, signal: AbortSignal, onWait: (pid: number) => void): Promise<() => void> {
  const own = identity(process.pid) ?? `${process.pid}`;
  let waiting = false;
  while (!create(path, own)) {
    const holder = readOrUndefined(path);
    if (holder === undefined) continue;
    const pid = Number.parseInt(holder, 10);
    if (identity(pid) !== holder) {
      breakLock(path, holder);
      continue;
    }
    if (!waiting) onWait(pid);
    waiting = true;
    if (signal.aborted) throw new GuestBuildError('interrupted');
    await sleep(POLL_MS);
  }
  return () => unlinkSync(path);
}
