import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkRoot, type ReadableDisk } from '../../../src/emulator/root/index.ts';
import { runTool, temporaryDirectory } from '../../support/run.ts';

/** The first bytes of an ELF program, and enough behind them to be more than inline data. */
function elf(machine: number, is64Bit: boolean): Buffer {
  const bytes = Buffer.alloc(5000, 1);
  bytes.write('\x7fELF', 'latin1');
  bytes.set([is64Bit ? 2 : 1, 1, 1], 4);
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

const I386 = elf(3, false);
const AMD64 = elf(62, true);
const X32 = elf(62, false);
const ARM64 = elf(183, true);

/** A disk in memory that counts what is read. */
class MemoryDisk implements ReadableDisk {
  readonly size: number;
  readonly bytes: Uint8Array;
  read_ = 0;
  odd = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.size = bytes.length;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (offset < 0 || offset + into.length > this.size) throw new Error('read past the end');
    if (offset % 512 !== 0 || into.length % 512 !== 0) this.odd++;
    this.read_ += into.length;
    into.set(this.bytes.subarray(offset, offset + into.length));
  }
}

type Tree = Record<string, Buffer | string>;

/** An image of a tree: values are contents, or where a symlink leads if they start with `->`. */
function image(tree: Tree, ...mkfs: string[]): MemoryDisk {
  const directory = temporaryDirectory();
  const root = join(directory, 'root');
  mkdirSync(root);
  for (const [path, content] of Object.entries(tree)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (typeof content === 'string' && content.startsWith('->')) symlinkSync(content.slice(2), file);
    else {
      writeFileSync(file, content);
      chmodSync(file, 0o755);
    }
  }
  const file = join(directory, 'image');
  writeFileSync(file, '');
  truncateSync(file, 24 * 1024 * 1024);
  const options = mkfs.length > 0 ? mkfs : ['-t', 'ext4'];
  execFileSync('mke2fs', ['-q', '-F', ...options, '-d', root, file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin` },
  });
  return new MemoryDisk(readFileSync(file));
}

describe('a root file system', () => {
  it('for amd64 is told by name', async () => {
    const problem = await checkRoot(image({ 'sbin/init': AMD64, 'bin/sh': AMD64 }));
    expect(problem).toMatchObject({ program: '/sbin/init', architecture: 'amd64 (x86-64)' });
    expect(problem?.message).toContain('/sbin/init');
    expect(problem?.message).toContain('i386');
  });

  it('for i386 is fine', async () => {
    expect(await checkRoot(image({ 'sbin/init': I386, 'bin/sh': AMD64 }))).toBeUndefined();
  });

  it.each([
    ['x32', X32, 'amd64 (x86-64)'],
    ['arm64', ARM64, 'arm64'],
    ['a machine without a name here', elf(9999, true), 'machine 9999'],
  ])('for %s is told too', async (_, init, architecture) => {
    expect(await checkRoot(image({ 'sbin/init': init }))).toMatchObject({ architecture });
  });

  it('is judged by the first init that the kernel finds', async () => {
    expect(await checkRoot(image({ 'etc/init': AMD64, 'bin/init': I386 }))).toMatchObject({ program: '/etc/init' });
    expect(await checkRoot(image({ 'bin/init': AMD64 }))).toMatchObject({ program: '/bin/init' });
    expect(await checkRoot(image({ 'bin/sh': AMD64 }))).toMatchObject({ program: '/bin/sh' });
    expect(await checkRoot(image({ 'bin/true': AMD64 }))).toBeUndefined();
  });

  it('is judged by the init that the command line names', async () => {
    const disk = image({ 'sbin/init': I386, 'opt/start': AMD64 });
    expect(await checkRoot(disk, '/opt/start')).toMatchObject({ program: '/opt/start' });
    expect(await checkRoot(disk, '/sbin/init')).toBeUndefined();
    expect(await checkRoot(disk, '/nosuch')).toBeUndefined();
  });

  it('is looked into behind symlinks of every kind', async () => {
    const long = `usr/${'long-directory-name/'.repeat(6)}lib`;
    const disk = image({
      sbin: '->usr/sbin',
      'usr/sbin/init': '->/lib/systemd/systemd',
      lib: `->${long}`, // more than 60 bytes: in a block of its own
      [`${long}/systemd/systemd`]: '->../../lib/systemd/./program',
      [`${long}/systemd/program`]: AMD64,
    });
    expect(await checkRoot(disk)).toMatchObject({ program: '/sbin/init', architecture: 'amd64 (x86-64)' });
  });

  it('may have symlinks that lead nowhere or in circles', async () => {
    expect(await checkRoot(image({ 'sbin/init': '->/nosuch', 'bin/sh': AMD64 }))).toMatchObject({ program: '/bin/sh' });
    expect(await checkRoot(image({ 'sbin/init': '->init', 'bin/sh': AMD64 }))).toBeUndefined();
    expect(await checkRoot(image({ 'sbin/init': '->../../../../bin/x', 'bin/x': AMD64 }))).toBeDefined();
  });

  it('is looked into behind the first line of a script', async () => {
    const disk = image({ 'sbin/init': '#! /bin/start -x\n', 'bin/start': '#!/bin/sh\necho\n', 'bin/sh': AMD64 });
    expect(await checkRoot(disk)).toMatchObject({ program: '/bin/sh' });
    expect(await checkRoot(image({ 'sbin/init': '#!/sbin/init\n' }))).toBeUndefined();
  });
});

const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`sbin/a-name-of-a-program-${i}`, '']));

describe('every layout of ext2, ext3 and ext4', () => {
  it.each([
    ['-t ext2'],
    ['-t ext2 -r 0'],
    ['-t ext2 -b 1024 -O ^filetype,^sparse_super,^resize_inode,^dir_index'],
    ['-t ext3 -b 2048'],
    ['-t ext4 -b 1024'],
    ['-t ext4 -b 4096'],
    ['-t ext4 -b 65536 -N 4096'],
    ['-t ext4 -O ^64bit,^metadata_csum,^flex_bg'],
    ['-t ext4 -O ^extents,^64bit'],
    ['-t ext4 -O 64bit,meta_bg,^resize_inode -b 1024 -g 1024'],
    ['-t ext4 -O meta_bg,^resize_inode,^flex_bg,^64bit -b 1024 -g 512'],
    ['-t ext4 -O sparse_super2 -E num_backup_sb=1'],
    ['-t ext4 -O bigalloc -C 16384'],
    ['-t ext4 -I 128'],
    ['-t ext4 -I 1024 -O metadata_csum_seed,large_dir'],
  ])('%s', async (options) => {
    const mkfs = options.split(' ');
    const disk = image({ ...many, 'sbin/init': AMD64 }, ...mkfs);
    expect(await checkRoot(disk)).toMatchObject({ program: '/sbin/init', architecture: 'amd64 (x86-64)' });
    expect(disk.odd).toBe(0);
    expect(await checkRoot(image({ ...many, 'sbin/init': I386, 'bin/sh': AMD64 }, ...mkfs))).toBeUndefined();
  });

  it.each([['-t ext2 -b 1024'], ['-t ext4 -b 1024']])(
    '%s, through a map or tree of more than one level',
    async (options) => {
      // long names make a directory of 400 blocks, and each file's block comes between two of them
      const entries = Object.fromEntries(
        Array.from({ length: 1200 }, (_, i) => [`sbin/${`${i}-`.padEnd(250, 'x')}`, 'x']),
      );
      const disk = image({ ...entries, 'sbin/zz/init': AMD64 }, ...options.split(' '));
      expect(await checkRoot(disk, '/sbin/zz/init')).toMatchObject({ program: '/sbin/zz/init' });
      expect(await checkRoot(disk, '/sbin/zz/nosuch')).toBeUndefined();
    },
  );

  it('with inline data is left to the kernel', async () => {
    const disk = image(
      { 'sbin/init': AMD64, 'bin/x': '#!/sbin/init\n' },
      '-t',
      'ext4',
      '-O',
      'inline_data',
      '-I',
      '256',
    );
    expect(await checkRoot(disk)).toBeUndefined();
  });
});

describe('what is none', () => {
  it.each([
    ['nothing', 0],
    ['a sector', 512],
    ['zeros', 1 << 20],
  ])('%s is left to the kernel', async (_, size) => {
    expect(await checkRoot(new MemoryDisk(new Uint8Array(size)))).toBeUndefined();
  });

  it('a disk that fails is left to the kernel', async () => {
    const failing: ReadableDisk = { size: 1 << 20, read: () => Promise.reject(new Error('EIO')) };
    expect(await checkRoot(failing)).toBeUndefined();
  });

  it('an image that was cut off is left to the kernel or judged, never an error', async () => {
    const { bytes } = image({ 'sbin/init': AMD64 });
    for (const size of [1024, 2048, 4096, 5000, 65536, 1 << 20])
      await checkRoot(new MemoryDisk(bytes.subarray(0, size)));
  });

  it('no damage makes it fail, or read for ever', async () => {
    let seed = 20261123;
    const random = (limit: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * limit);
    };
    for (const mkfs of [
      ['-t', 'ext2', '-b', '1024'],
      ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode'],
    ]) {
      const whole = image({ sbin: '->usr/sbin', 'usr/sbin/init': AMD64 }, ...mkfs);
      // everything that the check looks at, and so everything worth damaging
      const touched: [number, number][] = [];
      await checkRoot({
        size: whole.size,
        read(offset, into) {
          touched.push([offset, into.length]);
          return whole.read(offset, into);
        },
      });
      for (let round = 0; round < 1500; round++) {
        const patches = Array.from({ length: 1 + random(6) }, () => {
          const [offset, length] = touched[random(touched.length)]!;
          return [offset + random(length), random(4) === 0 ? 0xff : random(256)] as const;
        });
        const undo = patches.map(([at]) => [at, whole.bytes[at]!] as const).reverse();
        for (const [at, value] of patches) whole.bytes[at] = value;
        whole.read_ = 0;
        await checkRoot(whole);
        expect(whole.read_).toBeLessThan(20 << 20);
        for (const [at, value] of undo) whole.bytes[at] = value;
      }
      expect(await checkRoot(whole)).toBeDefined();
    }
  });
});

describe('linux', () => {
  it.each([[''], ['ubdb=other root=/dev/ubda']])("refuses an amd64 root before it boots ('%s')", async (words) => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'root_fs'), image({ 'sbin/init': AMD64 }).bytes);
    writeFileSync(join(directory, 'other'), Buffer.alloc(1 << 20));
    const args = ['umid=amd64', ...words.split(' ').filter((word) => word !== '')];
    const { status, stdout, stderr } = await runTool('linux', args, {
      cwd: directory,
      env: { XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? '/', '.cache'), HOME: directory },
    });
    expect({ status, stdout, lines: stderr.split('\n').length }).toEqual({ status: 1, stdout: '', lines: 2 });
    expect(stderr).toMatch(/root_fs.*\/sbin\/init.*amd64 \(x86-64\).*i386/);
  });
});
