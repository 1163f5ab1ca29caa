/** Disks on block devices and on a read-only file system. Needs root, as the project's tests do. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  compactCow,
  convertToCow,
  createCow,
  diffImages,
  mergeInPlace,
  moveBacking,
  openDisk,
  rebaseCow,
} from '../../../src/lib/cow/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { makeImage } from './images.ts';

let d: string;
let cleanUp: (() => void)[];
beforeEach(() => {
  d = temporaryDirectory();
  cleanUp = [];
});
afterEach(() => {
  for (const step of cleanUp.reverse()) step();
});

function attach(file: string): string {
  const device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  cleanUp.push(() => execFileSync('losetup', ['--detach', device]));
  return device;
}

test('a block device is a disk, and a backing file', async () => {
  const model = makeImage(join(d, 'image'), 1 << 20);
  const device = attach(join(d, 'image'));
  const plain = await openDisk({ file: device, readOnly: true }, () => {});
  expect(plain.size).toBe(1 << 20);
  const into = Buffer.alloc(1 << 20);
  await plain.read(0, into);
  expect(into.equals(model)).toBe(true);
  await plain.close();

  const cow = join(d, 'cow');
  const overlay = await openDisk({ file: cow, backing: device }, () => {});
  const data = randomBytes(8192);
  await overlay.write(4096, data);
  await overlay.close();
  const again = await openDisk({ file: cow }, () => {});
  await again.read(0, into);
  await again.close();
  data.copy(model, 4096);
  expect(into.equals(model)).toBe(true);

  expect(await mergeInPlace({ cow })).toEqual({ merged: true, rebased: true });
  expect(readFileSync(device).equals(model)).toBe(true);
});

test('a block device as the backing file of a conversion, of compaction and of a rebase', async () => {
  const model = makeImage(join(d, 'image'), 1 << 20);
  const device = attach(join(d, 'image'));
  const [raw, cow] = [join(d, 'raw'), join(d, 'cow')];
  const wanted = Buffer.from(model);
  wanted.fill('x', 8192, 9000);
  writeFileSync(raw, wanted);
  await convertToCow({ image: raw, backing: device, cow });
  const onDifference = vi.fn();
  expect(await diffImages(cow, raw, { onDifference })).toBe(0);
  expect(await diffImages(cow, device, { onDifference })).toBe(1024);
  await compactCow({ cow });
  await expect(moveBacking({ cow, to: join(d, 'moved') })).rejects.toMatchObject({ code: 'not-movable' });
  writeFileSync(join(d, 'copy'), model);
  expect(await rebaseCow({ cow, backing: join(d, 'copy') })).toBe(0);
  expect(await rebaseCow({ cow, backing: device })).toBe(0);
  expect(await diffImages(cow, raw, { onDifference })).toBe(0);
  expect(onDifference.mock.calls).toEqual([[8192, 1024]]);
});

test('what can not be written is opened read-only', async () => {
  const at = join(d, 'mount');
  mkdirSync(at);
  execFileSync('mount', ['-t', 'tmpfs', 'none', at]);
  cleanUp.push(() => execFileSync('umount', [at]));
  writeFileSync(join(at, 'image'), 'x'.repeat(4096));
  createCow({ cow: join(at, 'cow'), backing: join(at, 'image') });
  execFileSync('mount', ['-o', 'remount,ro', at]);
  for (const file of ['image', 'cow']) {
    const disk = await openDisk({ file: join(at, file) }, () => {});
    expect(disk.readOnly).toBe(true);
    const into = Buffer.alloc(4096);
    await disk.read(0, into);
    expect(into.toString()).toBe('x'.repeat(4096));
    await disk.close();
  }
});

test('a full disk is an error of the write; what was written before can still be flushed', async () => {
  const at = join(d, 'mount');
  mkdirSync(at);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', at]);
  cleanUp.push(() => execFileSync('umount', [at]));
  makeImage(join(d, 'image'), 1 << 20);
  const spec = { file: join(at, 'cow'), backing: join(d, 'image') };
  const disk = await openDisk(spec, () => {});
  const full = { code: 'system', errno: 28 };
  try {
    await disk.write(0, Buffer.alloc(65536, 'a'));
    await expect(disk.write(65536, Buffer.alloc(512 << 10, 'b'))).rejects.toMatchObject(full);
    await disk.flush();
  } finally {
    await disk.close();
  }
  const again = await openDisk(spec, () => {});
  const into = Buffer.alloc(65536);
  await again.read(0, into);
  await again.close();
  expect(into.equals(Buffer.alloc(65536, 'a'))).toBe(true);
});
