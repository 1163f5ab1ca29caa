// SPDX-License-Identifier: GPL-2.0-or-later

import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { GuestBuildError } from './errors.ts';
import { kernelFolder } from './inputs.ts';
import { type Job, run } from './run.ts';
import { crossPrefix } from './toolchain.ts';

/** Lines that make prints for the whole kernel: good enough for a percentage. */
const EXPECTED_LINES = 1876;

/** Patches the tree and lays our drivers into it. */
export async function prepareTree(job: Job, tree: string): Promise<void> {
  const patches = join(kernelFolder(), 'patches');
  for (const name of readdirSync(patches).sort()) {
    try {
      await run(job, {
        name: `the patch ${name}`,
        command: ['patch', '--strip=1', '--fuzz=0', '--batch', '--forward', '--directory', tree],
        input: readFileSync(join(patches, name), 'utf8'),
      });
    } catch (error) {
      if (!(error instanceof GuestBuildError) || error.code !== 'step-failed') throw error;
      throw new GuestBuildError('patch-rejected', { subject: name, log: job.log });
    }
  }
  const drivers = join(kernelFolder(), 'drivers');
  mkdirSync(join(tree, 'drivers/uml'), { recursive: true });
  for (const name of readdirSync(drivers)) {
    const folder = name === 'uml_machine.h' ? 'include/linux' : 'drivers/uml';
    copyFileSync(join(drivers, name), join(tree, folder, name));
  }
}

/** The options of our fragment that the finished configuration doesn't have as they were asked for. */
export function lostOptions(fragment: string, config: string): string[] {
  const lines = new Set(config.split('\n'));
  return (
    fragment
      .split('\n')
      .filter((line) => /^CONFIG_\w+=./.test(line) || /^# CONFIG_\w+ is not set$/.test(line))
      .filter((line) => !lines.has(line))
      .map((line) => /CONFIG_\w+/.exec(line)?.[0] ?? line)
      // An option that isn't even offered is as good as one that is not set.
      .filter((option) => config.includes(`\n${option}=`) || fragment.includes(`\n${option}=`))
  );
}

function make(tree: string, ...targets: string[]): string[] {
  const cross = crossPrefix();
  return ['make', '-C', tree, 'ARCH=i386', 'LOCALVERSION=', ...(cross ? [`CROSS_COMPILE=${cross}`] : []), ...targets];
}

/** Configures the tree: our fragment on top of the smallest configuration. */
export async function configure(job: Job, tree: string): Promise<void> {
  const name = "the kernel's configuration";
  const fragment = join(kernelFolder(), 'config');
  await run(job, { name, command: make(tree, 'tinyconfig') });
  await run(job, { name, command: ['scripts/kconfig/merge_config.sh', '-m', '.config', fragment], cwd: tree });
  await run(job, { name, command: make(tree, 'olddefconfig') });
  const lost = lostOptions(readFileSync(fragment, 'utf8'), readFileSync(join(tree, '.config'), 'utf8'));
  if (lost.length > 0) throw new GuestBuildError('config-rejected', { subject: lost.join(', '), log: job.log });
}

/** As date(1) prints it, which is what scripts know from uname -v: Mon Nov 16 10:17:00 UTC 2026. */
export function buildDate(time: number): string {
  const [weekday = '', day = '', month = '', year = '', clock = ''] = new Date(time).toUTCString().split(/,? /);
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${clock} UTC ${year}`;
}

/**
 * Compiles the configured tree and leaves `vmlinux` (a stripped ELF file) and `config` in `result`.
 *
 * @param time of the source, ms: becomes the kernel's build date.
 * @param onProgress called with the share that is done, 0 to 1.
 * @returns what `uname -r` says.
 */
export async function compile(
  job: Job,
  tree: string,
  result: string,
  time: number,
  onProgress: (share: number) => void,
): Promise<string> {
  let lines = 0;
  await run(job, {
    name: "the kernel's compilation",
    command: make(tree, `-j${availableParallelism()}`, 'vmlinux'),
    env: {
      KBUILD_BUILD_USER: 'uml',
      KBUILD_BUILD_HOST: 'usermode',
      KBUILD_BUILD_TIMESTAMP: buildDate(time),
    },
    onLine: () => {
      lines += 1;
      onProgress(Math.min(lines / EXPECTED_LINES, 0.99));
    },
  });
  await run(job, {
    name: 'stripping the kernel',
    command: [
      `${crossPrefix()}objcopy`,
      '--remove-section=.comment',
      '--strip-all',
      'vmlinux',
      join(result, 'vmlinux'),
    ],
    cwd: tree,
  });
  renameSync(join(tree, '.config'), join(result, 'config'));
  return readFileSync(join(tree, 'include/config/kernel.release'), 'utf8').trim();
}
