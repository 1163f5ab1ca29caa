// SPDX-License-Identifier: GPL-2.0-or-later

import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { busyboxApplets, SBIN_APPLETS } from './busybox.ts';
import { rootFolder } from './inputs.ts';
import { type Job, run } from './run.ts';

/** Apparent size of the image.  Sparse: it takes a quarter of that. */
const IMAGE_SIZE = '128M';

/** Options of mkfs.ext4: pages as blocks, a label, and no owner from the host for the top. */
const FORMAT = ['-b', '4096', '-L', 'root', '-E', 'root_owner=0:0'];

/** Folders that must be there, with their modes. */
const FOLDERS: Readonly<Record<string, number>> = {
  bin: 0o755,
  dev: 0o755,
  etc: 0o755,
  'home/user': 0o755,
  lib: 0o755,
  mnt: 0o755,
  proc: 0o755,
  root: 0o700,
  run: 0o755,
  sbin: 0o755,
  sys: 0o755,
  tmp: 0o1777,
  'usr/bin': 0o755,
  'usr/sbin': 0o755,
  'var/cache': 0o755,
  'var/lib': 0o755,
  'var/log': 0o755,
  'var/spool': 0o755,
  'var/tmp': 0o1777,
};

/** What packages bring and a demo can do without: documentation, translations, character sets, other init systems. */
const SUPERFLUOUS = [
  ...['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/lintian', 'usr/share/bug', 'usr/share/info'],
  ...['usr/lib/i386-linux-gnu/gconv', 'lib/systemd', 'etc/init.d/busybox', 'etc/cron.d'],
];

/** Links from -> to, besides busybox's. */
const LINKS: Readonly<Record<string, string>> = {
  'etc/mtab': '/proc/mounts',
  'etc/resolv.conf': '/run/resolv.conf',
  'usr/bin/env': '/bin/busybox',
  // What update-alternatives would do; the program goes by the name that it is called by.
  'usr/sbin/ip6tables': 'xtables-legacy-multi',
  'usr/sbin/ip6tables-restore': 'xtables-legacy-multi',
  'usr/sbin/ip6tables-save': 'xtables-legacy-multi',
  'usr/sbin/iptables': 'xtables-legacy-multi',
  'usr/sbin/iptables-restore': 'xtables-legacy-multi',
  'usr/sbin/iptables-save': 'xtables-legacy-multi',
  'var/run': '/run',
  'var/lock': '/run',
};

/** Paths with an owner other than root, and files that aren't for everyone. */
const OWNERS: Readonly<Record<string, number>> = { 'home/user': 1000 };
const MODES: Readonly<Record<string, number>> = { 'etc/shadow': 0o600, 'bin/busybox.suid': 0o4755 };

/** busybox applets that need root's rights for everyone: from a second copy, set-user-id root. */
const SUID_APPLETS = ['passwd', 'ping', 'ping6', 'su'];

/** Lays out the tree of the demo root file system: packages, busybox's links, our own files. */
export async function layOut(job: Job, debs: readonly string[], tree: string): Promise<void> {
  mkdirSync(tree);
  for (const deb of debs) await run(job, { name: 'unpacking a package', command: ['dpkg-deb', '-x', deb, tree] });
  for (const path of SUPERFLUOUS) rmSync(join(tree, path), { recursive: true, force: true });
  for (const [path, mode] of Object.entries(FOLDERS)) {
    mkdirSync(join(tree, path), { recursive: true });
    chmodSync(join(tree, path), mode);
  }
  copyOwnFiles(rootFolder(), tree);
  linkApplets(tree);
  for (const [path, target] of Object.entries(LINKS)) link(tree, path, target);
  for (const [path, mode] of Object.entries(MODES)) chmodSync(join(tree, path), mode);
}

function copyOwnFiles(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      mkdirSync(target, { recursive: true });
      copyOwnFiles(source, target);
    } else {
      copyFileSync(source, target);
      chmodSync(target, statSync(source).mode & 0o100 ? 0o755 : 0o644);
    }
  }
}

/** A package's own program wins over a link to busybox. */
function link(tree: string, path: string, target: string): void {
  if (lstatSync(join(tree, path), { throwIfNoEntry: false })) return;
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  symlinkSync(target, join(tree, path));
}

function linkApplets(tree: string): void {
  copyFileSync(join(tree, 'bin/busybox'), join(tree, 'bin/busybox.suid'));
  for (const applet of busyboxApplets(readFileSync(join(tree, 'bin/busybox')))) {
    const folder = SBIN_APPLETS.has(applet) ? 'sbin' : 'bin';
    link(tree, join(folder, applet), SUID_APPLETS.includes(applet) ? '/bin/busybox.suid' : '/bin/busybox');
  }
}

/** All paths below a folder, parents first, without a leading slash. */
function walk(tree: string, path = ''): string[] {
  return readdirSync(join(tree, path), { withFileTypes: true }).flatMap((entry) => {
    const own = join(path, entry.name);
    return entry.isDirectory() ? [own, ...walk(tree, own)] : [own];
  });
}

/**
 * Commands for debugfs that set every owner: the tree's files belong to whoever runs the build.
 * A path can't hold a quote or a line break here; blanks are quoted.
 */
export function ownerCommands(paths: readonly string[]): string {
  return paths
    .flatMap((path) => {
      const owner = OWNERS[path] ?? 0;
      return [`set_inode_field "/${path}" uid ${owner}`, `set_inode_field "/${path}" gid ${owner}`];
    })
    .concat('')
    .join('\n');
}

/** Makes the ext4 image of a tree, without mounting anything and without being root. */
export async function makeImage(job: Job, tree: string, image: string): Promise<void> {
  await run(job, {
    name: 'making the root file system',
    command: ['mkfs.ext4', '-q', '-F', ...FORMAT, '-d', tree, image, IMAGE_SIZE],
  });
  await run(job, {
    name: "setting the root file system's owners",
    command: ['debugfs', '-w', '-f', '-', image],
    input: ownerCommands(walk(tree)),
  });
}
