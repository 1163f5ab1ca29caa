/** The host's side of UML's hardware watchdog (spec 11.3; arch/um/drivers/harddog_user.c). */
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { MconsoleError, notify } from '../mconsole/index.ts';
import { hasCode } from '../os/index.ts';

/** How long the guest may be silent, in milliseconds. */
export const DEFAULT_TIMEOUT = 60_000;
/** Between two signals to an instance that hangs, in milliseconds. */
const GRACE = 1000;
/** A listener with a full queue is tried so often, after so many milliseconds each. */
const ATTEMPTS = 50;
const ATTEMPT_INTERVAL = 100;

/**
 * Waits while the guest shows that it is alive: each byte that it sends gives it another `timeout` milliseconds.
 * @returns `closed` at the end of the input: the guest has closed its watchdog, or is gone
 * @throws what reading the input throws
 */
export function watchOver(input: Readable, timeout: number): Promise<'closed' | 'expired'> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(() => resolve('expired')), timeout);
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      input.removeAllListeners('data').pause();
      settle();
    };
    input.on('data', () => timer.refresh());
    input.once('end', () => finish(() => resolve('closed')));
    input.once('error', (error) => finish(() => reject(error)));
  });
}

/** A process as it was when it was first seen: its pid may go to another one. */
export interface Watched {
  pid: number;
  /** From /proc, in ticks since the host's start; undefined without /proc. */
  started: string | undefined;
}

/** The process of this pid, if there is one that this user may send signals to. */
export function watched(pid: number): Watched | undefined {
  try {
    process.kill(pid, 0);
    return { pid, started: startOf(pid) };
  } catch (error) {
    if (hasCode(error, 'ESRCH', 'EPERM')) return undefined;
    throw error;
  }
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]; // man 5 proc: field 22; the name may hold anything
  } catch {
    return undefined;
  }
}

/** Ends an instance that hangs as the C tool does: SIGINT, SIGINT a second later, SIGKILL another second later. */
export async function endProcess(target: Watched): Promise<void> {
  for (const signal of ['SIGINT', 'SIGINT', 'SIGKILL'] as const) {
    if (watched(target.pid)?.started !== target.started) return; // gone: the pid may be another's by now
    process.kill(target.pid, signal);
    if (signal !== 'SIGKILL') await sleep(GRACE);
  }
}

/**
 * Tells the listener of `mconsole=notify:PATH` that its instance hangs, waiting up to five seconds for room in its queue.
 * @throws OsError where nobody listens; MconsoleError SEND
 */
export async function reportHang(path: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      notify(path, { type: 'hang' });
      return;
    } catch (error) {
      if (!(error instanceof MconsoleError && error.code === 'SEND') || attempt === ATTEMPTS) throw error;
      await sleep(ATTEMPT_INTERVAL);
    }
  }
}
