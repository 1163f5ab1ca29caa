// SPDX-License-Identifier: GPL-2.0-or-later

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { download, findPackages } from './apt.ts';
import { type Built, findBuilt, guestCache, type Kind, recordBuilt } from './cache.ts';
import { GuestBuildError } from './errors.ts';
import { inputsOf, ROOT_PACKAGES } from './inputs.ts';
import { compile, configure, prepareTree } from './kernel.ts';
import { layOut, makeImage } from './root.ts';
import type { Job } from './run.ts';
import { findKernelSource, unpackKernelSource } from './source.ts';
import { missingPackages } from './toolchain.ts';
import { inWorkspace, type Workspace } from './workspace.ts';

/** What is being done, and how far it is. */
export interface Progress {
  /** A verb phrase: "compiling the kernel". */
  doing: string;
  /** 0 to 1, or undefined if that isn't known. */
  share?: number;
}

export interface BuildOptions {
  /** Ends the build: tools are killed and nothing half-done is left. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

/** Paths of a built guest. */
export interface Guest {
  vmlinux: string;
  config: string;
  rootFs: string;
}

interface Build {
  job: Job;
  workspace: Workspace;
  report: (doing: string, share?: number) => void;
}

/** What the tools printed, beside what they made. */
const BUILD_LOG = 'build.log';

/** The file by which a finished folder is known. */
const RESULT = { kernel: 'vmlinux', root: 'root_fs' } as const;

/**
 * Builds the guest kernel and the demo root file system, each unless the cache has it.
 *
 * @throws GuestBuildError; its message is one line for the user.
 */
export async function buildGuest({ signal, onProgress }: BuildOptions = {}): Promise<Guest> {
  const options = { signal: signal ?? new AbortController().signal, onProgress: onProgress ?? (() => {}) };
  const kernel = await ensure('kernel', buildKernel, options);
  const root = await ensure('root', buildRoot, options);
  return {
    vmlinux: join(guestCache(), kernel.folder, 'vmlinux'),
    config: join(guestCache(), kernel.folder, 'config'),
    rootFs: join(guestCache(), root.folder, 'root_fs'),
  };
}

async function ensure(
  kind: Kind,
  build: (build: Build, inputs: string) => Promise<Built>,
  { signal, onProgress }: Required<BuildOptions>,
): Promise<Built> {
  const inputs = inputsOf(kind);
  const cached = findBuilt(kind, inputs, RESULT[kind]);
  if (cached) return cached;
  if (inputs === undefined) throw new GuestBuildError('no-sources');

  const packages = missingPackages();
  if (packages.length > 0) throw new GuestBuildError('tools-missing', { packages });

  const report = (doing: string, share?: number): void =>
    onProgress(share === undefined ? { doing } : { doing, share });
  const onWait = (pid: number): void => report(`waiting for the build in process ${pid}`);
  return inWorkspace(signal, onWait, async (workspace) => {
    // Whoever had the lock before us may have built the very thing.
    const meanwhile = findBuilt(kind, inputs, RESULT[kind]);
    if (meanwhile) return meanwhile;
    const job = { log: join(guestCache(), `${kind}.log`), signal };
    writeFileSync(job.log, '');
    const built = await build({ job, workspace, report }, inputs);
    recordBuilt(kind, inputs, built);
    return built;
  });
}

function folderName(...words: string[]): string {
  return createHash('sha256').update(words.join('\0')).digest('hex').slice(0, 32);
}

async function buildKernel({ job, workspace, report }: Build, inputs: string): Promise<Built> {
  report('looking for the kernel source');
  const source = await findKernelSource(job);
  report('fetching and unpacking the kernel source');
  const { tree, time } = await unpackKernelSource(job, source, workspace.folder);
  report('configuring the kernel');
  await prepareTree(job, tree);
  await configure(job, tree);
  const result = join(workspace.folder, 'result');
  mkdirSync(result);
  const release = await compile(job, tree, result, time, (share) => report('compiling the kernel', share));
  copyFileSync(job.log, join(result, BUILD_LOG));
  const folder = folderName('kernel', inputs, source.version);
  workspace.keep(result, folder);
  return { folder, version: source.version, release };
}

async function buildRoot({ job, workspace, report }: Build, inputs: string): Promise<Built> {
  report('fetching the packages of the demo root file system');
  const packages = await findPackages(job, ROOT_PACKAGES);
  const debs = await download(job, packages, join(workspace.folder, 'debs'));
  report('making the demo root file system');
  const tree = join(workspace.folder, 'tree');
  await layOut(job, debs, tree);
  const result = join(workspace.folder, 'result');
  mkdirSync(result);
  await makeImage(job, tree, join(result, 'root_fs'));
  copyFileSync(job.log, join(result, BUILD_LOG));
  const version = packages.map((found) => `${found.name} ${found.version}`).join(', ');
  const folder = folderName('root', inputs, version);
  workspace.keep(result, folder);
  return { folder, version, release: '' };
}
