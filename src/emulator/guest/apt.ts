// SPDX-License-Identifier: GPL-2.0-or-later

import { existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { GuestBuildError } from './errors.ts';
import { type Job, run } from './run.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** A Debian package as the package sources offer it. */
export interface Package {
  name: string;
  version: string;
  /** The name of the .deb file that apt-get download writes. */
  file: string;
}

/**
 * Options that give apt a state of its own, for i386: the host's architectures, lists and packages stay as they are,
 * and no root is needed.  Only the sources in /etc/apt and their keys are the host's.
 */
function privateState(): string[] {
  const folder = join(cacheFolder(), 'apt');
  for (const sub of ['lists/partial', 'cache/archives/partial', 'state']) {
    mkdirSync(join(folder, sub), { recursive: true });
  }
  const status = join(folder, 'state/status');
  if (!existsSync(status)) writeFileSync(status, '');
  return [
    'APT::Architecture=i386',
    'APT::Architectures=i386',
    'APT::Sandbox::User=root',
    `Dir::State=${join(folder, 'state')}`,
    `Dir::State::Lists=${join(folder, 'lists')}`,
    `Dir::State::Status=${status}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    'Acquire::Languages=none',
    'Debug::NoLocking=1',
  ].flatMap((option) => ['-o', option]);
}

/** The file whose time tells when the lists were fetched. */
function stamp(): string {
  return join(cacheFolder(), 'apt', 'state', 'fetched');
}

async function fetchLists(job: Job): Promise<void> {
  try {
    await run(job, { name: 'fetching the package lists', command: ['apt-get', ...privateState(), '-q', 'update'] });
  } catch (error) {
    // One broken index of many ends in an error too; what is needed may still be there, and if not the next step says so.
    if (!(error instanceof GuestBuildError) || error.code !== 'step-failed') throw error;
  }
  writeFileSync(stamp(), '');
  utimesSync(stamp(), new Date(), new Date());
}

/** One line of --print-uris: 'address' file size hash.  The file's name has the version, with its colon as %3a. */
export function parsePrintedUri(line: string): Package | undefined {
  const file = /^'[^']*' (\S+) \d+/.exec(line)?.[1];
  const parts = file?.split('_');
  if (file === undefined || parts?.length !== 3) return undefined;
  const [name = '', version = ''] = parts;
  return { name, version: decodeURIComponent(version), file: decodeURIComponent(file).replace(':', '%3a') };
}

async function select(job: Job, names: readonly string[]): Promise<Package[]> {
  const output = await run(job, {
    name: 'asking for packages',
    command: ['apt-get', ...privateState(), '-q', 'download', '--print-uris', ...names],
  });
  return output.split('\n').flatMap((line) => parsePrintedUri(line) ?? []);
}

/**
 * What the package sources offer under these names for i386, fetching the lists when they are older than a day.
 *
 * @throws GuestBuildError 'no-network' or 'no-package'.
 */
export async function findPackages(job: Job, names: readonly string[]): Promise<Package[]> {
  const fresh = existsSync(stamp()) && Date.now() - statSync(stamp()).mtimeMs < DAY_MS;
  if (!fresh) await fetchLists(job);
  const tries = fresh ? [false, true] : [false];
  for (const again of tries) {
    if (again) await fetchLists(job);
    try {
      const found = await select(job, names);
      if (found.length === names.length) return found;
    } catch (error) {
      if (!(error instanceof GuestBuildError) || error.code !== 'step-failed') throw error;
    }
  }
  const empty =
    (await run(job, { name: 'listing packages', command: ['apt-cache', ...privateState(), 'pkgnames'] })) === '';
  throw empty
    ? new GuestBuildError('no-network', { log: job.log })
    : new GuestBuildError('no-package', { packages: await absent(job, names), log: job.log });
}

/** Which of the names nobody offers. */
async function absent(job: Job, names: readonly string[]): Promise<string[]> {
  const output = await run(job, { name: 'listing packages', command: ['apt-cache', ...privateState(), 'pkgnames'] });
  const offered = new Set(output.split('\n'));
  return names.filter((name) => !offered.has(name));
}

/** Fetches the packages into a folder; apt checks their hashes against the signed lists. */
export async function download(job: Job, packages: readonly Package[], folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  await run(job, {
    name: 'the download of packages',
    command: [
      'apt-get',
      ...privateState(),
      '-q',
      'download',
      ...packages.map(({ name, version }) => `${name}=${version}`),
    ],
    cwd: folder,
  });
  return packages.map(({ file }) => join(folder, file));
}
