// SPDX-License-Identifier: GPL-2.0-or-later

/** Applets whose place is sbin: init and its scripts call them by that path. */
export const SBIN_APPLETS: ReadonlySet<string> = new Set([
  ...['acpid', 'adjtimex', 'arp', 'blkdiscard', 'blockdev', 'brctl', 'depmod', 'fdisk', 'findfs', 'freeramdisk'],
  ...['fsfreeze', 'fstrim', 'getty', 'halt', 'hwclock', 'ifconfig', 'ifdown', 'ifup', 'init', 'insmod', 'ip', 'klogd'],
  ...['losetup', 'lsmod', 'mdev', 'mke2fs', 'mkdosfs', 'mkswap', 'modinfo', 'modprobe', 'nameif', 'pivot_root'],
  ...['poweroff', 'reboot', 'rmmod', 'route', 'run-init', 'start-stop-daemon', 'sulogin', 'swapoff', 'swapon'],
  ...['switch_root', 'sysctl', 'syslogd', 'tc', 'tunctl', 'udhcpc', 'vconfig', 'watchdog'],
]);

/** The table of names starts with these two. */
const TABLE = Buffer.from('\0[\0[[\0');

/**
 * The applets of a busybox, read out of its table of names: the program is for the guest's processor and can't be
 * asked everywhere.
 *
 * @throws RangeError if the file has no such table.
 */
export function busyboxApplets(program: Buffer): string[] {
  const start = program.indexOf(TABLE);
  const end = start < 0 ? -1 : program.indexOf('\0\0', start + 1);
  if (end < 0) throw new RangeError('no table of applets: is this busybox?');
  return program
    .toString('latin1', start + 1, end)
    .split('\0')
    .filter((name) => name !== 'busybox');
}
