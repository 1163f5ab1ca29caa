// Frames through a switch: Debian's uml_switch beside ours, with the same load, on the same core as the load generator.
// On one core each frame is an immediate hand-over, so the rate is 1 / (cost of generator + cost of switch): it does not
// depend on where the scheduler puts things, which otherwise counts for more than the switch does.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from '../scripts/support/child.ts';
import { median } from './support/compare.ts';

export const name = 'switch: frames a second through uml_switch, on the core of the load generator';

const CORE = '1';
const ROUNDS = 5;
const SECONDS = '0.6';
/** The modes of swbench that are measured, with 8 frames in flight unless said otherwise. */
const LOADS: readonly { name: string; words: readonly string[] }[] = [
  { name: 'stream, 64 bytes', words: ['stream', '-s', '64'] },
  { name: 'stream, 1500 bytes', words: ['stream', '-s', '1500'] },
  { name: 'both ways, 64 bytes', words: ['bidir', '-s', '64', '-w', '5'] },
  { name: 'broadcast to 4 ports', words: ['bcast', '-s', '64', '-n', '5'] },
  { name: 'ping-pong', words: ['pingpong'] },
];

/** What swbench says of a run, as far as it is used here. */
interface Measure {
  fps: number;
  lost: number;
  switch_cpu_ns_per_frame: number;
}

export async function run(print: (line: string) => void): Promise<void> {
  const binary = fileURLToPath(new URL('../dist/bin/uml_switch', import.meta.url));
  if (!existsSync(binary)) throw new Error('npm run build comes first');
  const directory = mkdtempSync(join(tmpdir(), 'uml-bench-'));
  try {
    const swbench = join(directory, 'swbench');
    execFileSync('cc', ['-O2', '-o', swbench, fileURLToPath(new URL('native/swbench.c', import.meta.url))]);
    const pinned = pinning();
    const measures = new Map<string, Measure[]>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [who, program] of [['C', 'uml_switch'] as const, ['ours', binary] as const]) {
        const results = await measure(join(directory, 'ctl'), program, swbench, pinned);
        for (const [load, result] of results) {
          const key = `${who} ${load}`;
          measures.set(key, [...(measures.get(key) ?? []), result]);
        }
      }
    }
    for (const load of LOADS) {
      print(line(load.name, measures.get(`C ${load.name}`) ?? [], measures.get(`ours ${load.name}`) ?? []));
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The words that put a program on the core, with a real-time priority where that is allowed: neighbours then don't count. */
function pinning(): string[] {
  const realTime = spawnSync('chrt', ['-r', '5', 'true']).status === 0;
  return [...(realTime ? ['chrt', '-r', '5'] : []), 'taskset', '-c', CORE];
}

/** Starts a switch, puts every load on it, and ends it. */
async function measure(
  control: string,
  program: string,
  swbench: string,
  pinned: readonly string[],
): Promise<Map<string, Measure>> {
  const [first = '', ...words] = [...pinned, 'stdbuf', '-oL', program, '-unix', control];
  const child = start(first, words); // each of these words replaces itself by the next program: the pid stays
  try {
    await child.waitFor(/attached to unix socket/);
    const results = new Map<string, Measure>();
    for (const load of LOADS) {
      const options = ['-u', control, '-P', String(child.pid), '-d', SECONDS, '-j'];
      const [file = '', ...rest] = [...pinned, swbench, ...load.words, ...options];
      results.set(load.name, JSON.parse(execFileSync(file, rest, { encoding: 'utf8' })) as Measure);
    }
    return results;
  } finally {
    await child.kill('SIGINT');
    rmSync(control, { force: true });
  }
}

function line(load: string, theirs: readonly Measure[], ours: readonly Measure[]): string {
  const rate = (all: readonly Measure[]) => median(all.map(({ fps }) => fps));
  const cost = (all: readonly Measure[]) => median(all.map((one) => one.switch_cpu_ns_per_frame));
  const lost = (all: readonly Measure[]) => all.reduce((sum, one) => sum + one.lost, 0);
  const figures = (all: readonly Measure[]) =>
    `${rate(all).toFixed(0).padStart(7)}/s (${cost(all).toFixed(0).padStart(4)} ns a frame, ${lost(all)} lost)`;
  const ratio = (rate(ours) / rate(theirs)).toFixed(2);
  return `${load.padEnd(20)}  C ${figures(theirs)}  ours ${figures(ours)}  ${ratio}x C`;
}
