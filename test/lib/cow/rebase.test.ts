import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HeldFile } from '../../../src/lib/cow/held.ts';
import {
  createCow,
  inspectImage,
  mergeInPlace,
  mergeToFile,
  moveBacking,
  openDisk,
  rebaseCow,
  restoreTime,
} from '../../../src/lib/cow/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { MTIME, makeCow, makeImage } from './images.ts';

const SIZE = (2 << 20) + 100;
let d: string;
let cow: string;
let image: string;
let expected: Buffer;
const at = (name: string) => join(d, name);
beforeEach(() => {
  d = temporaryDirectory();
  [cow, image] = [at('cow'), at('image')];
  expected = makeImage(image, SIZE);
  expected = Buffer.concat([expected, Buffer.alloc(412)]);
  const ours = new Map([0, 9, 4096].map((i) => [i, randomBytes(512)]));
  makeCow(cow, { layout: 'v3', size: SIZE, backing: image }, ours);
  for (const [i, bytes] of ours) bytes.copy(expected, i * 512);
  expected = expected.subarray(0, SIZE);
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function content(): Promise<Buffer> {
  await mergeToFile({ cow, output: at('merged') });
  return readFileSync(at('merged'));
}

function copyOfImage(name: string, seconds: number): string {
  copyFileSync(image, at(name));
  utimesSync(at(name), seconds, seconds);
  return at(name);
}

describe('rebaseCow', () => {
  test('to a copy with another time: the content proves it', async () => {
    const other = copyOfImage('other', 12345);
    expect(await rebaseCow({ cow, backing: other })).toBe(0);
    rmSync(image);
    expect((await content()).equals(expected)).toBe(true);
    expect(inspectImage(cow).cow?.header).toMatchObject({ mtime: 12345 });
    expect(inspectImage(cow).cow?.backing.name).toBe(other);
  });

  test('to another content: what differs is copied first, so that the guest sees no change', async () => {
    const other = copyOfImage('other', 12345);
    const changed = readFileSync(other);
    for (const i of [0, 9, 10, 1000, 4096]) changed.fill('z', i * 512, Math.min(i * 512 + 300, SIZE));
    writeFileSync(other, changed);
    expect(await rebaseCow({ cow, backing: other })).toBe(4096 * 3);
    rmSync(image);
    expect((await content()).equals(expected)).toBe(true);
    expect(readFileSync(other).equals(changed)).toBe(true);
  });

  test('killed at any write, the COW file shows the same image over the old or the new file', async () => {
    const other = copyOfImage('other', 12345);
    const changed = readFileSync(other);
    for (const i of [0, 10, 1000, 3000]) changed.fill('z', i * 512, i * 512 + 300);
    writeFileSync(other, changed);
    const whole = readFileSync(cow);
    let allowed = 0;
    for (let completed = false; !completed; allowed++) {
      writeFileSync(cow, whole);
      let done = 0;
      for (const method of ['write', 'sync'] as const) {
        const original = HeldFile.prototype[method] as (...args: never[]) => unknown;
        vi.spyOn(HeldFile.prototype, method).mockImplementation(function (this: HeldFile, ...args: unknown[]) {
          if (++done > allowed) throw new Error('killed');
          return original.apply(this, args as never[]) as never;
        });
      }
      completed = await rebaseCow({ cow, backing: other }).then(
        () => true,
        () => false,
      );
      vi.restoreAllMocks();
      expect((await content()).equals(expected)).toBe(true);
    }
    expect(allowed).toBeGreaterThan(8);
    expect(inspectImage(cow).cow?.backing.name).toBe(other);
  });

  test('the old file is gone: size and time must fit, or it must be asked for', async () => {
    const other = copyOfImage('other', MTIME);
    rmSync(image);
    expect(await rebaseCow({ cow, backing: other })).toBe(0);
    expect((await content()).equals(expected)).toBe(true);
    renameSync(other, image);
    utimesSync(image, 99, 99);
    await expect(rebaseCow({ cow, backing: image })).rejects.toMatchObject({ code: 'unproven' });
    await rebaseCow({ cow, backing: image, unproven: true });
    expect((await content()).equals(expected)).toBe(true);
    truncateSync(image, SIZE - 1);
    await expect(rebaseCow({ cow, backing: image, unproven: true })).rejects.toMatchObject({ code: 'size-mismatch' });
  });

  test('refuses a COW file as backing file, a COW file in use, and one whose merge was begun', async () => {
    await expect(rebaseCow({ cow, backing: cow })).rejects.toMatchObject({ code: 'locked' });
    createCow({ cow: at('second'), backing: image });
    await expect(rebaseCow({ cow, backing: at('second') })).rejects.toMatchObject({ code: 'cow-backing' });
    const other = copyOfImage('other', MTIME);
    const disk = await openDisk({ file: cow }, () => {});
    await expect(rebaseCow({ cow, backing: other })).rejects.toMatchObject({ code: 'locked' });
    await disk.close();
    vi.spyOn(HeldFile.prototype, 'syncWithTimes').mockRejectedValue(new Error('killed'));
    await expect(mergeInPlace({ cow })).rejects.toThrow('killed');
    vi.restoreAllMocks();
    await expect(rebaseCow({ cow, backing: other })).rejects.toMatchObject({ code: 'merge-begun' });
    await expect(restoreTime(cow)).rejects.toMatchObject({ code: 'merge-begun' });
    await expect(moveBacking({ cow, to: at('new') })).rejects.toMatchObject({ code: 'merge-begun' });
  });
});

describe('moveBacking', () => {
  test('moves the file with its time', async () => {
    expect(await moveBacking({ cow, to: at('moved') })).toBe(at('moved'));
    expect(existsSync(image)).toBe(false);
    expect(statSync(at('moved')).mtimeMs).toBe(MTIME * 1000);
    expect((await content()).equals(expected)).toBe(true);
  });

  test('to another file system it is copied', async () => {
    const elsewhere = mkdtempSync('/dev/shm/uml-');
    try {
      expect(statSync(elsewhere).dev).not.toBe(statSync(d).dev);
      const mode = statSync(image).mode;
      await moveBacking({ cow, to: join(elsewhere, 'moved') });
      expect(existsSync(image)).toBe(false);
      expect(statSync(join(elsewhere, 'moved'))).toMatchObject({ mtimeMs: MTIME * 1000, mode });
      expect((await content()).equals(expected)).toBe(true);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  test('never replaces a file, moves no link, and nothing that is in use', async () => {
    writeFileSync(at('there'), 'x');
    await expect(moveBacking({ cow, to: at('there') })).rejects.toMatchObject({ code: 'system', errno: 17 });
    createCow({ cow: at('second'), backing: image });
    const disk = await openDisk({ file: at('second') }, () => {});
    await expect(moveBacking({ cow, to: at('new') })).rejects.toMatchObject({ code: 'locked' });
    await disk.close();
    renameSync(image, at('real'));
    symlinkSync('real', image);
    await expect(moveBacking({ cow, to: at('new') })).rejects.toMatchObject({ code: 'not-movable' });
    expect((await content()).equals(expected)).toBe(true);
  });

  test('killed before the header is written, the COW file still finds its backing file', async () => {
    vi.spyOn(HeldFile.prototype, 'write').mockRejectedValue(new Error('killed'));
    await expect(moveBacking({ cow, to: at('new') })).rejects.toThrow('killed');
    vi.restoreAllMocks();
    expect((await content()).equals(expected)).toBe(true);
  });
});

describe('restoreTime', () => {
  test('all COW files over the backing file are good again', async () => {
    createCow({ cow: at('second'), backing: image });
    utimesSync(image, 1795448254, 1795448254);
    expect(await restoreTime(cow)).toEqual({ backing: image, before: 1795448254, after: MTIME });
    expect((await content()).equals(expected)).toBe(true);
    await (await openDisk({ file: at('second') }, () => {})).close();
  });

  test('not for another size', async () => {
    truncateSync(image, 512);
    await expect(restoreTime(cow)).rejects.toMatchObject({ code: 'size-mismatch' });
  });
});
