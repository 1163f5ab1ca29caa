// SPDX-License-Identifier: GPL-2.0-or-later

/** The guest kernel and the demo root file system: finding them in the cache, and building them. */

import { join } from 'node:path';
import { findBuilt, guestCache } from './cache.ts';
import type { BuildOptions, Guest } from './guest.ts';
import { inputsOf } from './inputs.ts';

export { GuestBuildError, type GuestErrorCode, type GuestErrorDetail } from './errors.ts';
export type { BuildOptions, Guest, Progress } from './guest.ts';
export { missingPackages } from './toolchain.ts';

/** A kernel that is ready to boot. */
export interface GuestKernel {
  /** Path of the stripped ELF file to load. */
  vmlinux: string;
  /** Path of its .config. */
  config: string;
  /** What `uname -r` says in the guest. */
  release: string;
}

/** The cached kernel of this version of the sources.  Reads a few small files; never builds. */
export function findGuestKernel(): GuestKernel | undefined {
  const built = findBuilt('kernel', inputsOf('kernel'), 'vmlinux');
  if (!built) return undefined;
  const folder = join(guestCache(), built.folder);
  return { vmlinux: join(folder, 'vmlinux'), config: join(folder, 'config'), release: built.release };
}

/** Path of the cached demo root file system, an ext4 image that is not to be written to: give it a COW file. */
export function findDemoRoot(): string | undefined {
  const built = findBuilt('root', inputsOf('root'), 'root_fs');
  return built && join(guestCache(), built.folder, 'root_fs');
}

/** Builds what is missing in the cache; see buildGuest there for the options.  Loaded only when called. */
export async function buildGuest(options: BuildOptions = {}): Promise<Guest> {
  return (await import('./guest.ts')).buildGuest(options);
}
