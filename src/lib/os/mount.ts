import { check } from './error.ts';
import { libc } from './libc.ts';

/** Flags of mount(2), by the names that mount(8) has for them (include/uapi/linux/mount.h). */
export const MOUNT_FLAGS: Readonly<Record<string, number>> = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  sync: 16,
  dirsync: 128,
  noatime: 1024,
};

export interface Mount {
  /** What /proc/mounts names as the source. */
  source: string;
  target: string;
  /** File system, e.g. `fuse`. */
  type: string;
  /** Bits of MOUNT_FLAGS. */
  flags: number;
  /** The file system's own options, comma separated. */
  data: string;
}

/** mount(2). OsError EPERM without CAP_SYS_ADMIN. */
export function mount({ source, target, type, flags, data }: Mount): void {
  check('mount', libc.mount(cString(source), cString(target), cString(type), flags, cString(data)), target);
}

const MNT_DETACH = 2;

/** umount2(2), also of what is in use: it is gone from the tree at once, and ends with its last user. */
export function unmount(target: string): void {
  check('umount2', libc.umount2(cString(target), MNT_DETACH), target);
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}
