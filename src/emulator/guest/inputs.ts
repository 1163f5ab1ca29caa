// SPDX-License-Identifier: GPL-2.0-or-later

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashInputs, type Kind } from './cache.ts';

/** The Debian package with the kernel's source. */
export const KERNEL_SOURCE = 'linux-source-6.1';

/** Raise when the way of building changes the result. */
const RECIPE = { kernel: '1', root: '1' };

/** i386 packages in the demo root file system: busybox, and what it lacks, with the libraries of that. */
export const ROOT_PACKAGES: readonly string[] = [
  'busybox-static',
  'e2fsprogs',
  'iptables',
  'libblkid1',
  'libc6',
  'libcom-err2',
  'libcrypt1',
  'libext2fs2',
  'libip4tc2',
  'libip6tc2',
  'libmnl0',
  'libnetfilter-conntrack3',
  'libnfnetlink0',
  'libnftnl11',
  'libss2',
  'libuuid1',
  'libxtables12',
  'logsave',
  'netbase',
  'perl-base',
];

/** The folder with the kernel's configuration, patches and drivers. */
export function kernelFolder(): string {
  return join(import.meta.dirname, 'kernel');
}

/** The folder with the demo root file system's own files. */
export function rootFolder(): string {
  return join(import.meta.dirname, 'root');
}

/** Hash of everything of ours that goes into a kernel or root; undefined in a packaged program, which has no sources. */
export function inputsOf(kind: Kind): string | undefined {
  const folder = kind === 'kernel' ? kernelFolder() : rootFolder();
  if (!existsSync(join(folder, kind === 'kernel' ? 'config' : 'etc/inittab'))) return undefined;
  if (kind === 'root') return hashInputs([folder], [RECIPE.root, ...ROOT_PACKAGES]);
  // The notes in the folder aren't the kernel.
  return hashInputs([join(folder, 'patches'), join(folder, 'drivers')], [RECIPE.kernel, KERNEL_SOURCE, kernelConfig()]);
}

function kernelConfig(): string {
  return readFileSync(join(kernelFolder(), 'config'), 'utf8');
}
