import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { closeFd, errorText, hasCode, mount, receiveWithDescriptors, unixSocketPair, unmount } from '../os/index.ts';
import { UmlfsError } from './error.ts';
import { fuseOptions } from './options.ts';

/** A file system that is mounted and has no server yet: whoever reads the descriptor is it. */
export interface FuseMount {
  /** The open /dev/fuse. */
  descriptor: number;
  /** Takes the mount away and closes the descriptor. */
  undo(): void;
  /** Closes our descriptor: a server has its own. */
  release(): void;
}

/** The programs that mount for a user without privileges, by preference. */
const FUSERMOUNTS = ['fusermount3', 'fusermount'] as const;
/** The variable that names the socket over which they hand out the descriptor, and its number in theirs. */
const SOCKET_VARIABLE = '_FUSE_COMMFD';
const SOCKET_FD = 3;

/**
 * Mounts a FUSE file system at a directory: by mount(2) as root, else by fusermount.
 * @param source what /proc/mounts shows unless an `fsname=` is among the options
 * @throws OsError and errors of node:fs; UmlfsError MOUNT_POINT, NO_FUSERMOUNT, FUSERMOUNT_FAILED
 */
export async function mountFuse(mountpoint: string, source: string, words: readonly string[]): Promise<FuseMount> {
  return process.geteuid?.() === 0 ? mountAsRoot(mountpoint, source, words) : mountAsUser(mountpoint, source, words);
}

function mountAsRoot(mountpoint: string, source: string, words: readonly string[]): FuseMount {
  const options = fuseOptions(words);
  const point = openMountPoint(mountpoint);
  const place = `/proc/self/fd/${point}`;
  let descriptor: number | undefined;
  const release = () => {
    closeSync(point);
    if (descriptor !== undefined) closeSync(descriptor);
  };
  try {
    descriptor = openSync('/dev/fuse', constants.O_RDWR);
    const needed = [`fd=${descriptor}`, `rootmode=${constants.S_IFDIR.toString(8)}`, `user_id=${process.getuid?.()}`];
    mount({
      source: options.source ?? source,
      target: place,
      type: `fuse.${options.subtype ?? 'umlfs'}`,
      flags: options.flags,
      data: [...needed, `group_id=${process.getgid?.()}`, ...options.data].join(','),
    });
  } catch (error) {
    release();
    throw error;
  }
  return {
    descriptor,
    release,
    undo() {
      unmount(`${place}/../${basename(readlinkSync(place))}`); // `place` itself is what lies below the mount
      release();
    },
  };
}

/** O_PATH of open(2), which Node does not name. */
const O_PATH = 0o10000000;

/** Holds a directory open to be mounted at: nobody who may rename things on the way to it can bring in another one. */
function openMountPoint(path: string): number {
  try {
    return openSync(path, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    throw new UmlfsError('MOUNT_POINT', `bad mount point \`${path}': ${errorText(error)}`);
  }
}

async function mountAsUser(mountpoint: string, source: string, words: readonly string[]): Promise<FuseMount> {
  const own = ['fsname', 'subtype'].filter((key) => !words.some((word) => word.startsWith(`${key}=`)));
  const values: Readonly<Record<string, string>> = { fsname: source, subtype: 'umlfs' };
  const options = [...words, ...own.map((key) => `${key}=${values[key]}`)].join(',');
  for (const program of FUSERMOUNTS) {
    const descriptor = await askFusermount(program, ['-o', options, '--', mountpoint]);
    if (descriptor === undefined) continue;
    const release = () => closeFd(descriptor);
    return {
      descriptor,
      release,
      undo() {
        spawnSync(program, ['-u', '-z', '--', mountpoint], { stdio: ['ignore', 'ignore', 'inherit'] });
        release();
      },
    };
  }
  throw new UmlfsError('NO_FUSERMOUNT', `only root can mount without ${FUSERMOUNTS[0]}, of the Debian package fuse3`);
}

/** The descriptor that a fusermount hands out; undefined where there is no such program. */
async function askFusermount(program: string, args: readonly string[]): Promise<number | undefined> {
  const [here, there] = unixSocketPair('stream');
  try {
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'inherit', there],
      env: { ...process.env, [SOCKET_VARIABLE]: String(SOCKET_FD) },
    });
    const [status] = (await once(child, 'exit')) as [number | null];
    const descriptor = receiveWithDescriptors(here, Buffer.alloc(1))?.descriptors[0];
    if (descriptor === undefined) throw new UmlfsError('FUSERMOUNT_FAILED', `${program} ended with status ${status}`);
    return descriptor;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  } finally {
    closeFd(there);
    closeFd(here);
  }
}
