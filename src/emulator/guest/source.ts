// SPDX-License-Identifier: GPL-2.0-or-later

import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { download, findPackages, type Package } from './apt.ts';
import { GuestBuildError } from './errors.ts';
import { KERNEL_SOURCE } from './inputs.ts';
import { type Job, run } from './run.ts';

const INSTALLED = `/usr/src/${KERNEL_SOURCE}.tar.xz`;

/** Where the kernel's source comes from: the installed package, or the package sources. */
export interface KernelSource {
  version: string;
  /** The package to download; undefined if the source is installed. */
  download: Package | undefined;
}

/** Directories of drivers for hardware that our machine lacks: half of the source. */
const UNUSED_DRIVERS = [
  ...[
    'ata',
    'clk',
    'crypto',
    'gpu',
    'hid',
    'hwmon',
    'iio',
    'infiniband',
    'input',
    'isdn',
    'md',
    'media',
    'misc',
    'mtd',
  ],
  ...[
    'net/ethernet',
    'net/wireless',
    'phy',
    'pinctrl',
    'platform',
    's390',
    'scsi',
    'soc',
    'spi',
    'staging',
    'usb',
    'video',
  ],
];

const OTHER_ARCHES = [
  ...['alpha', 'arc', 'arm', 'arm64', 'csky', 'hexagon', 'ia64', 'loongarch', 'm68k', 'microblaze', 'mips', 'nios2'],
  ...['openrisc', 'parisc', 'powerpc', 'riscv', 's390', 'sh', 'sparc', 'um', 'xtensa'],
];

/**
 * What tar leaves packed.  Only files that hold code or text go: every Kconfig and Makefile has to stay, for they name
 * each other.
 */
function exclusions(): string[] {
  const top = KERNEL_SOURCE;
  const codeBelow = (folder: string, ...suffixes: string[]): string[] =>
    ['c', 'h', 'S', ...suffixes].map((suffix) => `${top}/${folder}/*.${suffix}`);
  return [
    ...OTHER_ARCHES.flatMap((arch) => codeBelow(`arch/${arch}`, 'dts', 'dtsi')),
    ...UNUSED_DRIVERS.flatMap((folder) => codeBelow(`drivers/${folder}`)),
    ...codeBelow('sound'),
    ...codeBelow('Documentation', 'rst', 'txt', 'yaml', 'svg', 'py', 'json'),
    `${top}/tools/perf`,
    `${top}/tools/testing`,
  ].map((pattern) => `--exclude=${pattern}`);
}

/** Finds out which source would be built.  Asks the package sources unless the package is installed. */
export async function findKernelSource(job: Job): Promise<KernelSource> {
  if (existsSync(INSTALLED)) {
    const command = ['dpkg-query', '--show', KERNEL_SOURCE];
    const shown = await run(job, { name: 'the look-up of the installed kernel source', command });
    const [, version = 'unknown'] = shown.trim().split('\t');
    return { version, download: undefined };
  }
  const [found] = await findPackages(job, [KERNEL_SOURCE]);
  if (!found) throw new GuestBuildError('no-package', { packages: [KERNEL_SOURCE], log: job.log });
  return { version: found.version, download: found };
}

/**
 * Lays the source tree into `folder`, less what isn't needed.
 *
 * @returns the tree, and the time of the source in ms: the kernel's build date, so that the same source gives the same
 * kernel.
 */
export async function unpackKernelSource(
  job: Job,
  source: KernelSource,
  folder: string,
): Promise<{ tree: string; time: number }> {
  const archive = await fetchArchive(job, source, folder);
  const time = statSync(archive).mtimeMs;
  await run(job, {
    name: 'unpacking the kernel source',
    command: ['tar', '--extract', '--file', archive, '--directory', folder, ...exclusions()],
  });
  if (source.download) rmSync(archive);
  return { tree: join(folder, KERNEL_SOURCE), time };
}

async function fetchArchive(job: Job, source: KernelSource, folder: string): Promise<string> {
  if (!source.download) return INSTALLED;
  const [deb = ''] = await download(job, [source.download], folder);
  const unpacked = join(folder, 'deb');
  mkdirSync(unpacked);
  await run(job, { name: 'unpacking the package of the kernel source', command: ['dpkg-deb', '-x', deb, unpacked] });
  rmSync(deb);
  return join(unpacked, INSTALLED);
}
