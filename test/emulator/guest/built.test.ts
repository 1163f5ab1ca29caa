// SPDX-License-Identifier: GPL-2.0-or-later

/** The kernel and root file system that `npm run guest` left in the cache; `npm test` runs it first. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { findDemoRoot, findGuestKernel, type GuestKernel } from '../../../src/emulator/guest/index.ts';
import { kernelFolder } from '../../../src/emulator/guest/inputs.ts';
import { toolPath } from '../../../src/emulator/guest/toolchain.ts';

describe('the kernel', () => {
  let kernel: GuestKernel;
  let config: string;
  let log: string;

  beforeAll(() => {
    const found = findGuestKernel();
    if (!found) throw new Error('no guest kernel in the cache: npm run guest');
    kernel = found;
    config = readFileSync(kernel.config, 'utf8');
    log = readFileSync(join(dirname(kernel.vmlinux), 'build.log'), 'utf8');
  });

  test('is a stripped ELF file for i386 that loads below 16 MiB', () => {
    const elf = readFileSync(kernel.vmlinux);
    expect(elf.toString('latin1', 0, 4)).toBe('\x7fELF');
    expect({ bits: elf[4], machine: elf.readUInt16LE(18) }).toEqual({ bits: 1, machine: 3 });
    expect(elf.readUInt32LE(24)).toBeLessThan(16 << 20);
    expect(elf.length).toBeLessThan(16 << 20);
    expect(elf.includes('UML Hardware Watchdog')).toBe(true);
  });

  test('says its release', () => {
    expect(kernel.release).toMatch(/^6\.1\.\d+-uml$/);
    expect(readFileSync(kernel.vmlinux).includes(`Linux version ${kernel.release} (uml@usermode)`)).toBe(true);
  });

  test.each([
    ['file systems', 'EXT2_FS EXT3_FS EXT4_FS REISERFS_FS ISO9660_FS VFAT_FS SQUASHFS OVERLAY_FS TMPFS FUSE_FS 9P_FS'],
    ['devices', 'DEVTMPFS DEVTMPFS_MOUNT VIRTIO_BLK VIRTIO_NET VIRTIO_CONSOLE VIRTIO_BALLOON HW_RANDOM_VIRTIO'],
    ['disks', 'SWAP BLK_DEV_LOOP MSDOS_PARTITION EFI_PARTITION'],
    ['serial lines', 'SERIAL_8250 SERIAL_8250_CONSOLE SERIAL_8250_PCI'],
    ['network', 'UNIX PACKET INET IPV6 IP_MULTICAST IP_PNP TUN BRIDGE VLAN_8021Q SLIP PPP NET_9P_VIRTIO VETH'],
    ['netfilter', 'NETFILTER NF_NAT IP_NF_IPTABLES IP_NF_FILTER IP_NF_NAT IP_NF_TARGET_MASQUERADE NF_TABLES NFT_NAT'],
    ['namespaces', 'NAMESPACES UTS_NS IPC_NS USER_NS PID_NS NET_NS'],
    ['cgroups', 'CGROUPS MEMCG CGROUP_PIDS CGROUP_DEVICE CGROUP_SCHED'],
    [
      'system calls',
      'SYSVIPC POSIX_MQUEUE POSIX_TIMERS COMPAT_32BIT_TIME INOTIFY_USER FANOTIFY SECCOMP_FILTER FHANDLE',
    ],
    ['programs', 'BINFMT_ELF BINFMT_SCRIPT BINFMT_MISC MODIFY_LDT_SYSCALL UID16'],
    ['attributes', 'EXT4_FS_POSIX_ACL TMPFS_XATTR TMPFS_POSIX_ACL'],
    ['itself', 'MAGIC_SYSRQ IKCONFIG_PROC KALLSYMS UML_MACHINE UML_MGMT'],
  ])('has %s built in', (_, options) => {
    const missing = options.split(' ').filter((option) => !config.includes(`\nCONFIG_${option}=y\n`));
    expect(missing).toEqual([]);
  });

  test.each(['VT', 'ATA', 'SCSI', 'MODULES', 'LEGACY_PTYS', 'SMP', 'ACPI'])('lacks CONFIG_%s', (option) => {
    expect(config).not.toMatch(new RegExp(`^CONFIG_${option}=`, 'm'));
  });

  test('took every patch where it belongs, without fuzz', () => {
    const patches = readdirSync(join(kernelFolder(), 'patches'));
    expect(patches.length).toBeGreaterThan(0);
    const files = patches.flatMap((name) =>
      [...readFileSync(join(kernelFolder(), 'patches', name), 'utf8').matchAll(/^\+\+\+ b\/(\S+)/gm)].map(
        ([, path]) => path,
      ),
    );
    for (const file of files) expect(log).toContain(`patching file ${file}\n`);
    expect(log).not.toMatch(/with fuzz|FAILED|Reversed/);
  });

  test('was compiled with all of our drivers, and they gave no warning', () => {
    const sources = readdirSync(join(kernelFolder(), 'drivers')).filter((name) => name.endsWith('.c'));
    for (const source of sources) expect(log).toContain(`CC      drivers/uml/${source.replace(/c$/, 'o')}\n`);
    expect(log.split('\n').filter((line) => /uml_\w+\.[ch]:\d+.*warning/.test(line))).toEqual([]);
  });

  test('has only GPL-2.0-only files of ours in it', () => {
    for (const folder of ['drivers', 'patches']) {
      for (const name of readdirSync(join(kernelFolder(), folder))) {
        const text = readFileSync(join(kernelFolder(), folder, name), 'utf8');
        expect(text.split('\n')[0], name).toContain('SPDX-License-Identifier: GPL-2.0-only');
      }
    }
  });
});

describe('the demo root file system', () => {
  let image: string;
  const debugfs = (command: string): string =>
    execFileSync('debugfs', ['-R', command, image], { env: { PATH: toolPath() }, encoding: 'utf8', stdio: 'pipe' });

  beforeAll(() => {
    const found = findDemoRoot();
    if (!found) throw new Error('no demo root file system in the cache: npm run guest');
    image = found;
  });

  test('is a sound ext4 image', () => {
    const output = execFileSync('e2fsck', ['-f', '-n', image], {
      env: { PATH: toolPath() },
      encoding: 'utf8',
      stdio: 'pipe',
    });
    expect(output).toMatch(/root: \d+\/\d+ files/);
  });

  test.each([
    ['/', '0755', 0],
    ['/etc/shadow', '0600', 0],
    ['/etc/init.d/rcS', '0755', 0],
    ['/etc/passwd', '0644', 0],
    ['/bin/busybox.suid', '04755', 0],
    ['/tmp', '01777', 0],
    ['/root', '0700', 0],
    ['/home/user', '0755', 1000],
    ['/sbin/mke2fs', '0755', 0],
  ])('%s has mode %s and owner %i', (path, mode, owner) => {
    const stat = debugfs(`stat ${path}`);
    expect(stat).toMatch(new RegExp(`Mode: +${mode} `));
    expect(stat).toMatch(new RegExp(`User: +${owner} +Group: +${owner} `));
  });

  test('has the programs that the book calls', () => {
    const names = ['bin', 'sbin', 'usr/sbin', 'usr/bin'].flatMap((folder) => debugfs(`ls -p /${folder}`).split('\n'));
    const present = new Set(names.map((line) => line.split('/')[5]));
    const wanted = [
      ...[
        'ifconfig',
        'route',
        'ping',
        'mkswap',
        'swapon',
        'mke2fs',
        'e2fsck',
        'fdisk',
        'tar',
        'wget',
        'httpd',
        'telnet',
      ],
      ...[
        'nc',
        'halt',
        'reboot',
        'poweroff',
        'ip',
        'udhcpc',
        'vi',
        'dd',
        'md5sum',
        'sha256sum',
        'iptables',
        'perl',
        'od',
      ],
    ];
    expect(wanted.filter((name) => !present.has(name))).toEqual([]);
  });

  test('logs in on tty0 to tty3 and ttyS0, and answers Ctrl-Alt-Del', () => {
    const inittab = debugfs('cat /etc/inittab');
    for (const tty of ['tty0', 'tty1', 'tty2', 'tty3', 'ttyS0'])
      expect(inittab).toContain(`${tty}::respawn:/sbin/getty`);
    expect(inittab).toContain('::ctrlaltdel:/sbin/reboot');
  });
});
