import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const FIXTURES = join(import.meta.dirname, '../fixtures');
const BUSYBOX = '/bin/busybox';
const LINUX_UML = '/usr/bin/linux.uml';
const IMAGE_SIZE = 32 << 20;

const NEEDED: Readonly<Record<string, string>> = {
  [LINUX_UML]: 'user-mode-linux',
  [BUSYBOX]: 'busybox-static',
  '/usr/bin/gcc': 'gcc',
  '/sbin/mkfs.ext4': 'e2fsprogs',
};

/** The Debian packages that real UML in tests still needs on this machine; empty when all are there. */
export function packagesMissingForRealUml(): string[] {
  return Object.entries(NEEDED).flatMap(([file, debianPackage]) => (existsSync(file) ? [] : [debianPackage]));
}

/** The xstate shim, built once: a path for LD_PRELOAD. */
export function shim(): string {
  const source = join(FIXTURES, 'xstate-shim.c');
  return cached('xstate-shim.so', [readFileSync(source)], (target) => {
    execFileSync('gcc', ['-shared', '-fPIC', '-O2', '-o', target, source]);
  });
}

/** The test guest's root file system, built once: 32 MiB of ext4 with an amd64 busybox. Never write to it. */
export function rootImage(): string {
  const init = readFileSync(join(FIXTURES, 'real-uml-init'));
  const shell = readFileSync(join(FIXTURES, 'real-uml-shell'));
  return cached('root_fs', [readFileSync(BUSYBOX), init, shell, rootImage.toString()], (target) => {
    const tree = `${target}.tree`;
    try {
      const directories = ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'run', 'root'];
      for (const directory of [...directories, 'mnt', 'host', 'var/log']) {
        mkdirSync(join(tree, directory), { recursive: true });
      }
      copyFileSync(BUSYBOX, join(tree, 'bin/busybox'));
      const applets = execFileSync(BUSYBOX, ['--list-full'], { encoding: 'utf8' }).trim().split('\n');
      for (const applet of applets) {
        const link = join(tree, applet);
        if (!existsSync(link)) symlinkSync('/bin/busybox', link);
      }
      rmSync(join(tree, 'sbin/init'), { force: true });
      writeFileSync(join(tree, 'sbin/init'), init);
      writeFileSync(join(tree, 'sbin/test-shell'), shell);
      chmodSync(join(tree, 'sbin/init'), 0o755);
      chmodSync(join(tree, 'sbin/test-shell'), 0o755);
      writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n');
      writeFileSync(join(tree, 'etc/group'), 'root:x:0:\ntty:x:5:\nuser:x:1000:\n');
      writeFileSync(target, '');
      truncateSync(target, IMAGE_SIZE);
      execFileSync('/sbin/mkfs.ext4', ['-q', '-F', '-E', 'root_owner=0:0', '-d', tree, '-L', 'testroot', target]);
    } finally {
      rmSync(tree, { recursive: true, force: true });
    }
  });
}

/**
 * A file of the test cache, named by the hash of what it is made from. Two processes may build the same one at once:
 * each builds its own and the last rename wins, with the same content.
 */
function cached(name: string, inputs: readonly (Uint8Array | string)[], build: (target: string) => void): string {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(input);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'uml-utilities', 'test');
  const directory = join(cache, hash.digest('hex').slice(0, 16));
  const file = join(directory, name);
  if (existsSync(file)) return file;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, 'build-'));
  try {
    build(join(scratch, name));
    mkdirSync(directory, { recursive: true });
    if (!existsSync(file)) renameSync(join(scratch, name), file);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return file;
}
