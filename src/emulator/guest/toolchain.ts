// SPDX-License-Identifier: GPL-2.0-or-later

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Tool (or, with a slash, file) -> Debian package that has it. */
const NEEDED: readonly (readonly [string, string])[] = [
  ['apt-get', 'apt'],
  ['bc', 'bc'],
  ['bison', 'bison'],
  ['debugfs', 'e2fsprogs'],
  ['dpkg-deb', 'dpkg'],
  ['flex', 'flex'],
  ['gcc', 'gcc'],
  ['gzip', 'gzip'],
  ['ld', 'binutils'],
  ['m4', 'm4'],
  ['make', 'make'],
  ['mkfs.ext4', 'e2fsprogs'],
  ['patch', 'patch'],
  ['perl', 'perl'],
  ['tar', 'tar'],
  ['xz', 'xz-utils'],
  ['/usr/include/stdlib.h', 'libc6-dev'],
];

/** The sbin folders aren't in everyone's PATH, and mkfs.ext4 is there. */
export function toolPath(): string {
  return [process.env.PATH ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'].join(delimiter);
}

/** Prefix of the compiler's and linker's names: a 64-bit x86 gcc makes i386 kernels, others need the cross compiler. */
export function crossPrefix(arch: string = process.arch): string {
  return arch === 'x64' || arch === 'ia32' ? '' : 'i686-linux-gnu-';
}

function usable(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

function present(tool: string): boolean {
  if (tool.includes('/')) return usable(tool, constants.R_OK);
  return toolPath()
    .split(delimiter)
    .some((folder) => folder !== '' && usable(join(folder, tool), constants.X_OK));
}

/**
 * Debian packages that have to be installed before a guest can be built, each once; empty if nothing is missing.
 *
 * @param has tells whether a tool, or the file of a path, is there.
 */
export function missingPackages(has: (tool: string) => boolean = present): string[] {
  const needed = [...NEEDED];
  if (crossPrefix() !== '') needed.push([`${crossPrefix()}gcc`, 'gcc-i686-linux-gnu']);
  return [...new Set(needed.filter(([tool]) => !has(tool)).map(([, name]) => name))].sort();
}
