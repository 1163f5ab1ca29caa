import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  compactCow,
  convertToCow,
  diffImages,
  inspectImage,
  mapImage,
  mergeToFile,
  openDisk,
} from '../../../src/lib/cow/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { MTIME, makeCow, makeHole, makeImage } from './images.ts';

/** Only root can give files away. */
const isRoot = process.getuid?.() === 0;
const SIZE = (3 << 20) + 1000;
let d: string;
let cow: string;
let image: string;
let model: Buffer;
const at = (name: string) => join(d, name);
beforeEach(() => {
  d = temporaryDirectory();
  [cow, image] = [at('cow'), at('image')];
  model = makeImage(image, SIZE);
});

/** A COW file over the image; a sector that is `same` is as in the image. */
function dirty(layout: 'v1-le' | 'v2' | 'v3', sectors: readonly number[], same: readonly number[] = []): Buffer {
  const merged = Buffer.concat([model, Buffer.alloc(1024)]);
  const ours = new Map<number, Buffer>();
  for (const i of sectors) ours.set(i, randomBytes(512));
  for (const i of same) ours.set(i, Buffer.from(merged.subarray(i * 512, i * 512 + 512)));
  for (const [i, bytes] of ours) bytes.copy(merged, i * 512);
  makeCow(cow, { layout, size: SIZE, backing: image }, ours);
  return merged.subarray(0, SIZE);
}

async function merged(file: string): Promise<Buffer> {
  await mergeToFile({ cow: file, output: at('merged') });
  return readFileSync(at('merged'));
}

async function differences(a: string, b: string): Promise<[number, number][]> {
  const found: [number, number][] = [];
  const bytes = await diffImages(a, b, { onDifference: (...range) => found.push(range) });
  expect(bytes).toBe(found.reduce((sum, [, length]) => sum + length, 0));
  return found;
}

const LAST = Math.floor(SIZE / 512);

describe('compactCow', () => {
  test.each(['v1-le', 'v2', 'v3'] as const)(
    '%s: what is as in the backing file goes, what a guest sees stays',
    async (layout) => {
      const expected = dirty(
        layout,
        [0, 7, 2048, LAST],
        [...Array(1000).keys()].map((i) => i + 3000),
      );
      chmodSync(cow, 0o640);
      if (isRoot) chownSync(cow, 1234, 5678);
      const { before, after } = await compactCow({ cow });
      expect((await merged(cow)).equals(expected)).toBe(true);
      expect(after).toBeLessThan(before - 400_000);
      expect(inspectImage(cow).cow).toMatchObject({ header: { layout: 'v3', mtime: MTIME }, dirtySectors: 8 + 8 + 2 });
      expect(statSync(cow).mode & 0o777).toBe(0o640);
      if (isRoot) expect(statSync(cow)).toMatchObject({ uid: 1234, gid: 5678 });
      expect(readdirSync(d).sort()).toEqual(['cow', 'image', 'merged']);
    },
  );

  test('through a link it is the file that is compacted', async () => {
    const expected = dirty('v3', [5]);
    symlinkSync('cow', at('link'));
    await compactCow({ cow: at('link') });
    expect(statSync(cow).blocks).toBeLessThan(40);
    expect((await merged(at('link'))).equals(expected)).toBe(true);
  });

  test('stopped, or in use, it leaves the file as it was', async () => {
    dirty('v3', [5, 2500]);
    const before = readFileSync(cow);
    const stop = new AbortController();
    const progress = () => stop.abort(new Error('stopped'));
    await expect(compactCow({ cow, signal: stop.signal, progress })).rejects.toThrow('stopped');
    const disk = await openDisk({ file: cow }, () => {});
    await expect(compactCow({ cow })).rejects.toMatchObject({ code: 'locked' });
    await disk.close();
    expect(readFileSync(cow).equals(before)).toBe(true);
    expect(readdirSync(d).sort()).toEqual(['cow', 'image']);
  });
});

describe('convertToCow', () => {
  test('a plain image becomes a COW file that holds the differences by pages, and back', async () => {
    const other = Buffer.from(model);
    for (const i of [0, 100, LAST]) other.fill('x', i * 512, i * 512 + 10);
    writeFileSync(at('other'), other);
    await convertToCow({ image: at('other'), backing: image, cow });
    expect(inspectImage(cow).cow?.dirtySectors).toBe(8 + 8 + 2);
    expect((await merged(cow)).equals(other)).toBe(true);
    expect(readFileSync(image).equals(model)).toBe(true);
  });

  test('zeros over data are held, as a hole', async () => {
    makeHole(at('zeros'), SIZE);
    await convertToCow({ image: at('zeros'), backing: image, cow });
    expect(inspectImage(cow).cow?.dirtySectors).toBe(LAST + 1);
    expect(statSync(cow).blocks * 512).toBeLessThan(64 << 10);
    expect((await merged(cow)).equals(Buffer.alloc(SIZE))).toBe(true);
  });

  test('a COW file goes over another backing file', async () => {
    const expected = dirty('v2', [1, 2, 3, 4000]);
    makeHole(at('base'), SIZE);
    await convertToCow({ image: cow, backing: at('base'), cow: at('new') });
    expect((await merged(at('new'))).equals(expected)).toBe(true);
    expect(inspectImage(at('new')).cow?.backing.name).toBe(at('base'));
  });

  test('refuses sizes that differ, outputs that are there or are an input, COW files as backing files', async () => {
    dirty('v3', [1]);
    const before = readFileSync(cow);
    makeHole(at('small'), 512);
    const attempt = (image: string, backing: string, out: string, replace?: true) =>
      convertToCow({ image: at(image), backing: at(backing), cow: at(out), ...(replace && { replace }) });
    await expect(attempt('small', 'image', 'new')).rejects.toMatchObject({ code: 'target-size' });
    await expect(attempt('image', 'image', 'small')).rejects.toMatchObject({ code: 'system', errno: 17 });
    await expect(attempt('cow', 'image', 'cow', true)).rejects.toMatchObject({ code: 'same-file' });
    await expect(attempt('cow', 'image', 'image', true)).rejects.toMatchObject({ code: 'same-file' });
    await expect(attempt('image', 'cow', 'new')).rejects.toMatchObject({ code: 'cow-backing' });
    chmodSync(at('small'), 0o600);
    await attempt('image', 'image', 'small', true);
    expect(statSync(at('small')).mode & 0o777).toBe(0o600);
    expect((await merged(at('small'))).equals(model)).toBe(true);
    expect(readFileSync(cow).equals(before)).toBe(true);
    expect(readFileSync(image).equals(model)).toBe(true);
    expect(existsSync(at('new'))).toBe(false);
  });
});

describe('diffImages', () => {
  test('COW and plain files, by sectors, neighbours joined', async () => {
    const expected = dirty('v3', [0, 1, 2047, 2048, LAST], [5, 6]);
    const own = [
      [0, 1024],
      [2047 * 512, 1024],
      [LAST * 512, SIZE - LAST * 512],
    ];
    expect(await differences(cow, image)).toEqual(own);
    expect(await differences(image, cow)).toEqual(own);
    writeFileSync(at('flat'), expected);
    expect(await differences(cow, at('flat'))).toEqual([]);
    expect(await differences(cow, cow)).toEqual([]);
    copyFileSync(cow, at('second'));
    const disk = await openDisk({ file: at('second') }, () => {});
    await disk.write(512 * 3000, Buffer.alloc(512, 'y'));
    await disk.close();
    expect(await differences(cow, at('second'))).toEqual([[512 * 3000, 512]]);
  });

  test('the rest of a longer image is a difference', async () => {
    writeFileSync(at('longer'), Buffer.concat([model, Buffer.alloc(100)]));
    expect(await differences(image, at('longer'))).toEqual([[SIZE, 100]]);
  });
});

test('mapImage and inspectImage agree with the bitmap to the last sector', () => {
  dirty('v1-le', [0, 8, 9, 10, LAST - 1, LAST]);
  expect([...mapImage(cow)]).toEqual([
    { offset: 0, length: 512, from: 'cow', at: 1536 },
    { offset: 512, length: 7 * 512, from: 'backing', at: 512 },
    { offset: 8 * 512, length: 3 * 512, from: 'cow', at: 1536 + 8 * 512 },
    { offset: 11 * 512, length: (LAST - 12) * 512, from: 'backing', at: 11 * 512 },
    { offset: (LAST - 1) * 512, length: SIZE - (LAST - 1) * 512, from: 'cow', at: 1536 + (LAST - 1) * 512 },
  ]);
  expect(inspectImage(cow)).toMatchObject({
    size: SIZE,
    cow: { dirtySectors: 6, mergeBegun: false, backing: { name: image, image: { size: SIZE, cow: undefined } } },
  });
  utimesSync(image, 5, 5);
  expect(inspectImage(cow).cow?.backing.error).toMatchObject({ code: 'mtime-mismatch' });
});
