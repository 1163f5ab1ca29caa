import { MOUNT_FLAGS } from '../os/index.ts';

/** What libfuse sets if nothing is said: files of a file system that a user made must not give power. */
const DEFAULTS = ['nosuid', 'nodev'];
/** Words that take a flag away again, and those that say the default. */
const OPPOSITES: ReadonlyMap<string, string> = new Map([
  ['suid', 'nosuid'],
  ['dev', 'nodev'],
  ['exec', 'noexec'],
  ['rw', 'ro'],
  ['async', 'sync'],
  ['atime', 'noatime'],
]);

export interface FuseOptions {
  /** Bits for mount(2). */
  flags: number;
  /** What the kernel's fuse takes as text, without `fd=`. */
  data: readonly string[];
  /** The source that /proc/mounts shows; undefined unless `fsname=` says it. */
  source: string | undefined;
  /** The type behind `fuse.`; undefined unless `subtype=` says it. */
  subtype: string | undefined;
}

/** Sorts the words of `-o` options into what mount(2) takes as flags and what fuse takes as text (mount.fuse(8)). */
export function fuseOptions(words: readonly string[]): FuseOptions {
  const names = new Set(DEFAULTS);
  const data: string[] = [];
  let source: string | undefined;
  let subtype: string | undefined;
  for (const word of words) {
    const [key = '', value] = word.split(/=(.*)/s);
    const opposite = OPPOSITES.get(word);
    if (opposite !== undefined) names.delete(opposite);
    else if (Object.hasOwn(MOUNT_FLAGS, word)) names.add(word);
    else if (key === 'fsname') source = value;
    else if (key === 'subtype') subtype = value;
    else data.push(word);
  }
  return { flags: [...names].reduce((bits, name) => bits | (MOUNT_FLAGS[name] ?? 0), 0), data, source, subtype };
}
