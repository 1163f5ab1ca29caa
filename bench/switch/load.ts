import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../support/compare.ts';
import { type Contender, startSwitch } from './contenders.ts';

/** Builds a program of bench/native in a directory. Its path. */
export function buildNative(directory: string, program: string): string {
  const file = join(directory, program);
  const source = fileURLToPath(new URL(`../native/${program}.c`, import.meta.url));
  execFileSync('cc', ['-O2', '-o', file, source]);
  return file;
}

/** What is asked of swbench, and what of its answer is compared. */
export interface Load {
  name: string;
  words: readonly string[];
  /** Frames a second, or the median time of a round trip in microseconds. */
  measure: 'rate' | 'round trip';
}

const STREAMS: readonly Load[] = [
  { name: 'stream, 64 bytes', words: ['stream', '-s', '64'], measure: 'rate' },
  { name: 'stream, 1500 bytes', words: ['stream', '-s', '1500'], measure: 'rate' },
  { name: 'both ways, 64 bytes', words: ['bidir', '-s', '64', '-w', '5'], measure: 'rate' },
  { name: 'broadcast to 4 ports', words: ['bcast', '-s', '64', '-n', '5'], measure: 'rate' },
  { name: 'flood, 1500 bytes', words: ['flood', '-s', '1500', '-B'], measure: 'rate' },
];

/** With 8 frames in flight (5 each way), so that nothing need be lost; the flood sends as long as the socket takes it. */
export const LOADS: readonly Load[] = [...STREAMS, { name: 'ping-pong', words: ['pingpong'], measure: 'round trip' }];

/** Frames to so many addresses behind one port, in an order that no cache foresees. */
export const ADDRESS_LOADS: readonly Load[] = [
  { name: 'stream, 2 addresses', words: ['stream', '-n', '3'], measure: 'rate' },
  { name: 'stream, 100,000 addresses', words: ['stream', '-n', '3', '-m', '100000'], measure: 'rate' },
];

/** What swbench says of a run, as far as it is used here. */
interface Answer {
  fps: number;
  lost: number;
  sent: number;
  switch_cpu_ns_per_frame: number;
  lat_us: { p50: number };
}

export interface Series {
  contenders: readonly Contender[];
  loads: readonly Load[];
  rounds: number;
  /** Of each run of a load. */
  seconds: number;
  /** Words before each program: where and how it runs. */
  wrapper: readonly string[];
}

/** Puts every load on every contender, round by round in turn, and prints a line a load: medians, and ratios to the first. */
export async function compareUnderLoad(print: (line: string) => void, swbench: string, series: Series): Promise<void> {
  const answers = new Map<string, Answer[]>();
  for (let round = 0; round < series.rounds; round++) {
    for (const contender of series.contenders) {
      await using running = await startSwitch(contender, { wrapper: series.wrapper });
      for (const load of series.loads) {
        const words = [...load.words, ...contender.swbenchWords, '-u', running.control, '-P', `${running.pid}`];
        const [file = '', ...rest] = [...series.wrapper, swbench, ...words, '-d', `${series.seconds}`, '-j'];
        const answer = JSON.parse(execFileSync(file, rest, { encoding: 'utf8' })) as Answer;
        const key = `${contender.name} ${load.name}`;
        answers.set(key, [...(answers.get(key) ?? []), answer]);
      }
    }
  }
  for (const load of series.loads) {
    const all = series.contenders.map(({ name }) => answers.get(`${name} ${load.name}`) ?? []);
    const figures = all.map((each, index) => {
      const ratio = index === 0 ? '' : `  ${(measureOf(load, each) / measureOf(load, all[0] ?? [])).toFixed(2)}x`;
      return `${series.contenders[index]?.name} ${shown(load, each)}${ratio}`;
    });
    print(`${load.name.padEnd(26)}${figures.join(' | ')}`);
  }
}

function measureOf(load: Load, answers: readonly Answer[]): number {
  return median(answers.map(({ fps, lat_us }) => (load.measure === 'rate' ? fps : lat_us.p50)));
}

function shown(load: Load, answers: readonly Answer[]): string {
  const figure = measureOf(load, answers);
  if (load.measure === 'round trip') return `${figure.toFixed(1).padStart(6)} us`;
  const cost = median(answers.map((each) => each.switch_cpu_ns_per_frame));
  const lost = sum(answers.map((each) => each.lost)) / sum(answers.map((each) => each.sent));
  const losses = lost === 0 ? '0' : (100 * lost).toFixed(lost < 0.01 ? 3 : 1);
  return `${figure.toFixed(0).padStart(6)}/s ${cost.toFixed(0).padStart(4)} ns ${losses} % lost`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The words for a real-time priority where that is allowed: neighbours then don't count. */
export function realTime(): string[] {
  return spawnSync('chrt', ['-r', '5', 'true']).status === 0 ? ['chrt', '-r', '5'] : [];
}
