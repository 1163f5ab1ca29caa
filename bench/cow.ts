// uml_moo on images of 1 GiB: into a new file and in place, over sparse and full backing files.
import { spawn, spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createCow, openDisk } from '../src/lib/cow/index.ts';
import { type Contender, compare } from './support/compare.ts';

export const name = 'cow: uml_moo on an image of 1 GiB; ours waits until all is on the disk';

const root = fileURLToPath(new URL('..', import.meta.url));
const binary = join(root, 'dist/bin/uml_moo');
const SIZE = 1 << 30;
/** What is dirty is so in runs of this length, spread evenly. */
const RUN = 32 << 10;
const ROUNDS = 3;
/** Milliseconds before each measurement. */
const REST = 2000;
/** The type of a file system in memory, as statfs(2) gives it. */
const TMPFS = 0x0102_1994;
const MTIME = 1_130_814_229;

export async function run(print: (line: string) => void): Promise<void> {
  if (!existsSync(binary)) throw new Error('npm run build comes first');
  if (!existsSync('/usr/bin/uml_moo')) throw new Error('the C tools come from apt-get install uml-utilities');
  const directory = mkdtempSync(join(process.env.UML_BENCH_DIR ?? tmpdir(), 'uml-bench-'));
  try {
    for (const backing of ['sparse', 'full'] as const) {
      makeBacking(join(directory, 'image'), backing);
      for (const percent of [0, 10, 50, 100]) {
        await makeCow(directory, percent);
        print(`${backing} backing file, ${percent} % dirty, into a new file`);
        timed(directory, binary, ['cow', 'merged']);
        await compare(print, newFile(directory, backing === 'full' ? 100 : percent), { rounds: ROUNDS });
        rmSync(join(directory, 'merged'));
        print(`${backing} backing file, ${percent} % dirty, in place`);
        await compare(print, inPlace(directory, backing, percent), { rounds: ROUNDS });
        print(`peak memory of ours, into a new file: ${Math.round((await peakMemory(directory)) / 2 ** 20)} MiB`);
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function makeBacking(path: string, kind: 'sparse' | 'full'): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, SIZE);
  const chunk = Buffer.alloc(8 << 20);
  for (let at = 0; kind === 'full' && at < SIZE; at += chunk.length)
    writeSync(fd, randomFillSync(chunk), 0, chunk.length, at);
  fdatasyncSync(fd);
  closeSync(fd);
  utimesSync(path, MTIME, MTIME);
}

async function makeCow(directory: string, percent: number): Promise<void> {
  rmSync(join(directory, 'cow'), { force: true });
  createCow({ cow: join(directory, 'cow'), backing: join(directory, 'image') });
  const disk = await openDisk({ file: join(directory, 'cow') }, () => {});
  const data = randomFillSync(Buffer.alloc(RUN));
  const runs = SIZE / RUN;
  for (let i = 0; i < runs; i++) {
    if (Math.floor(((i + 1) * percent) / 100) > Math.floor((i * percent) / 100)) await disk.write(i * RUN, data);
  }
  await disk.close();
}

/** `written`: the percentage of the image that is written. */
function newFile(directory: string, written: number): Contender[] {
  const out = join(directory, 'out');
  const contender = (name: string, file: string, args: string[], andSync = false): Contender => ({
    name,
    async once() {
      rmSync(out, { force: true });
      await settle(directory);
      const took = timed(directory, file, args);
      return took + (andSync ? timed(directory, 'sync', [out]) : 0);
    },
  });
  return [
    contender('C', '/usr/bin/uml_moo', ['cow', 'out']),
    contender('C, then sync', '/usr/bin/uml_moo', ['cow', 'out'], true),
    contender('ours', binary, ['cow', 'out']),
    contender('ours, --no-sync', binary, ['--no-sync', 'cow', 'out']),
    contender('cp --sparse=always of the merged file', 'cp', ['--sparse=always', 'merged', 'out']),
    contender('cp, then sync', 'cp', ['--sparse=always', 'merged', 'out'], true),
    theDisk(directory, written),
  ];
}

function inPlace(directory: string, kind: 'sparse' | 'full', percent: number): Contender[] {
  const image = join(directory, 'image');
  const work = join(directory, 'work');
  const contender = (name: string, file: string, andSync = false): Contender => ({
    name,
    async once() {
      // a merge that is done again writes the same; only a hole and the time have to be brought back
      if (kind === 'sparse') for (const size of [0, SIZE]) truncateSync(image, size);
      utimesSync(image, MTIME, MTIME);
      timed(directory, 'cp', ['--sparse=always', 'cow', work]);
      await settle(directory);
      const took = timed(directory, file, ['-d', work]);
      const synced = andSync ? timed(directory, 'sync', [image]) : 0;
      utimesSync(image, MTIME, MTIME);
      return took + synced;
    },
  });
  return [
    contender('C', '/usr/bin/uml_moo'),
    contender('C, then sync', '/usr/bin/uml_moo', true),
    contender('ours', binary),
    theDisk(directory, percent),
  ];
}

/** What the disk alone takes for as many bytes: zeros that are written in large pieces, and waited for. */
function theDisk(directory: string, percent: number): Contender {
  const out = join(directory, 'zeros');
  const megabytes = Math.round((SIZE * percent) / 100 / 2 ** 20);
  return {
    name: 'the disk: dd conv=fsync of as many bytes',
    async once() {
      await settle(directory);
      const took = timed(directory, 'dd', ['if=/dev/zero', `of=${out}`, 'bs=1M', `count=${megabytes}`, 'conv=fsync']);
      rmSync(out);
      return took;
    },
  };
}

/** Bytes of memory that a merge into a new file needs at its peak, by the kernel's own count. */
async function peakMemory(directory: string): Promise<number> {
  utimesSync(join(directory, 'image'), MTIME, MTIME);
  const child = spawn(binary, ['cow', 'out'], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
  let peak = 0;
  const timer = setInterval(() => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024);
  }, 5);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`uml_moo ended with status ${code}`);
  return peak;
}

/**
 * Lets the file system end what the last contender began, and the disk rest: deleting a large file keeps the journal
 * busy, and the disks of virtual machines are given so many bytes in advance, then fewer a second.
 */
async function settle(directory: string): Promise<void> {
  if (statfsSync(directory).type === TMPFS) return;
  timed(directory, 'sync', ['-f', directory]);
  await setTimeout(REST);
}

function timed(cwd: string, file: string, args: readonly string[]): number {
  const began = performance.now();
  const { status, stderr } = spawnSync(file, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file}: ${stderr}`);
  return performance.now() - began;
}
