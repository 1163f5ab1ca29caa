// What an instance costs while nothing happens in it: processor time of all its threads, as a share of one core.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { start } from '../scripts/support/child.ts';
import { findDemoRoot } from '../src/emulator/guest/index.ts';

export const name = 'idle: processor time of an instance at its login prompt';

const binary = fileURLToPath(new URL('../dist/bin/linux', import.meta.url));
/** Time for the guest and for V8's compilers to come to rest, and the time measured, in ms. */
const SETTLE = 15_000;
const MEASURED = 20_000;

export async function run(print: (line: string) => void): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'uml-bench-'));
  try {
    const words = ['mem=128M', `ubda=${home}/cow,${findDemoRoot()}`, 'con=null', 'ssl=null', 'con0=fd:0,fd:1'];
    const child = start(binary, words, {
      cwd: home,
      env: { HOME: home, XDG_CACHE_HOME: join(process.env.HOME ?? '/', '.cache') },
    });
    await child.waitFor(/login: /);
    await delay(SETTLE);
    const before = processorTime(child.pid);
    await delay(MEASURED);
    const share = (processorTime(child.pid) - before) / MEASURED;
    print(`${(100 * share).toFixed(1)} % of a core, resident ${residentMegabytes(child.pid)} MB`);
    await child.kill();
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Milliseconds that all threads of a process have run. */
export function processorTime(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const times = tasks.map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]));
  return times.reduce((sum, time) => sum + time, 0) / 1e6;
}

export function residentMegabytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}
