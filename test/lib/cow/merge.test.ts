import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  linkSync,
  readdirSync,
  readFileSync,
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
import { createCow, mergeInPlace, mergeToFile, openDisk, parseHeader } from '../../../src/lib/cow/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { MTIME, makeCow, makeHole, makeImage } from './images.ts';

let d: string;
let cow: string;
let image: string;
let out: string;
beforeEach(() => {
  d = temporaryDirectory();
  [cow, image, out] = [join(d, 'cow'), join(d, 'image'), join(d, 'out')];
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** An image, a COW file over it that holds these sectors, and what the two are together. */
function makePair(sectors: number, dirty: (i: number) => boolean): Buffer {
  const merged = makeImage(image, sectors * 512);
  const ours = new Map<number, Buffer>();
  for (let i = 0; i < sectors; i++) if (dirty(i)) ours.set(i, i % 5 ? randomBytes(512) : Buffer.alloc(512));
  makeCow(cow, { layout: 'v3', size: sectors * 512, backing: image }, ours);
  for (const [i, bytes] of ours) bytes.copy(merged, i * 512);
  return merged;
}

async function content(file: string): Promise<Buffer> {
  const disk = await openDisk({ file }, () => {});
  const bytes = Buffer.alloc(disk.size);
  await disk.read(0, bytes);
  await disk.close();
  return bytes;
}

describe('into a new file', () => {
  test('leaves the inputs alone, nothing else behind, and tells how far it is', async () => {
    const merged = makePair(5000, (i) => i % 3 === 0);
    const before = [readFileSync(cow), readFileSync(image)];
    const progress: [number, number][] = [];
    await mergeToFile({ cow, output: out, progress: (...at) => progress.push(at) });
    expect(readFileSync(out).equals(merged)).toBe(true);
    expect(before.map((bytes, i) => bytes.equals(readFileSync([cow, image][i]!)))).toEqual([true, true]);
    expect(readdirSync(d).sort()).toEqual(['cow', 'image', 'out']);
    expect(progress.at(-1)).toEqual([5000 * 512, 5000 * 512]);
    expect(progress.length).toBeGreaterThan(2);
  });

  test.each<[string, (i: number) => boolean]>([
    ['in every other sector', (i) => i % 2 === 0],
    ['in all but single ones', (i) => i % 16 !== 5],
    ['in runs with small gaps', (i) => i % 100 < 70],
    ['in runs with large gaps', (i) => i % 330 < 130],
    ['in the last sector alone', (i) => i === 9999],
  ])('is right where the COW file has data %s', async (_, dirty) => {
    const merged = makePair(10_000, dirty);
    await mergeToFile({ cow, output: out });
    expect(readFileSync(out).equals(merged)).toBe(true);
    await mergeInPlace({ cow });
    expect(readFileSync(image).equals(merged)).toBe(true);
  });

  test('is on the disk when it is done, unless that is not asked for', async () => {
    const merged = makePair(64, (i) => i % 3 === 0);
    const sync = vi.spyOn(HeldFile.prototype, 'sync');
    await mergeToFile({ cow, output: out, sync: 'skip' });
    expect(readFileSync(out).equals(merged)).toBe(true);
    expect(sync).not.toHaveBeenCalled();
    await mergeToFile({ cow, output: out });
    expect(sync).toHaveBeenCalled();
  });

  test('keeps an odd tail', async () => {
    const bytes = makeImage(image, 1000);
    const tail = Buffer.alloc(512, 'x');
    makeCow(cow, { layout: 'v3', size: 1000, backing: image }, new Map([[1, tail]]));
    await mergeToFile({ cow, output: out });
    expect(readFileSync(out).equals(Buffer.concat([bytes.subarray(0, 512), tail.subarray(0, 488)]))).toBe(true);
  });

  test('an empty image gives an empty one', async () => {
    makeHole(image, 0);
    createCow({ cow, backing: image });
    await mergeToFile({ cow, output: out });
    expect(statSync(out).size).toBe(0);
  });

  test('keeps holes, and makes holes of zeros', async () => {
    makeHole(image, 64 << 20);
    makeCow(
      cow,
      { layout: 'v3', size: 64 << 20, backing: image },
      new Map([
        [0, Buffer.alloc(512, 1)],
        [99999, Buffer.alloc(512)],
      ]),
    );
    await mergeToFile({ cow, output: out });
    expect(statSync(out)).toMatchObject({ size: 64 << 20, blocks: 8 });

    writeFileSync(image, Buffer.alloc(1 << 20));
    utimesSync(image, MTIME, MTIME);
    makeCow(cow, { layout: 'v3', size: 1 << 20, backing: image }, new Map());
    await mergeToFile({ cow, output: out });
    expect(statSync(out)).toMatchObject({ size: 1 << 20, blocks: 0 });
  });

  test.each(['cow', 'image', 'link', 'hard'])('refuses %s as output and harms nothing', async (output) => {
    const merged = makePair(64, (i) => i < 9);
    symlinkSync('image', join(d, 'link'));
    linkSync(cow, join(d, 'hard'));
    await expect(mergeToFile({ cow, output: join(d, output) })).rejects.toMatchObject({
      code: 'same-file',
      details: { step: 'open-output' },
    });
    expect((await content(cow)).equals(merged)).toBe(true);
  });

  test('replaces an existing file when it is complete, keeping its mode and owner', async () => {
    const merged = makePair(64, (i) => i < 9);
    writeFileSync(out, 'old');
    chmodSync(out, 0o600);
    const isRoot = process.getuid?.() === 0; // only root can give files away
    if (isRoot) chownSync(out, 1234, 5678);
    symlinkSync('out', join(d, 'link'));
    await mergeToFile({ cow, output: join(d, 'link') });
    expect(readFileSync(out).equals(merged)).toBe(true);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    if (isRoot) expect(statSync(out)).toMatchObject({ uid: 1234, gid: 5678 });
  });

  test('stopped half way leaves an existing output as it was', async () => {
    makePair(9000, () => true);
    writeFileSync(out, 'old');
    const stop = new AbortController();
    const progress = () => stop.abort(new Error('stopped'));
    await expect(mergeToFile({ cow, output: out, signal: stop.signal, progress })).rejects.toThrow('stopped');
    expect(readFileSync(out, 'utf8')).toBe('old');
    expect(readdirSync(d).sort()).toEqual(['cow', 'image', 'out']);
    await (await openDisk({ file: cow }, () => {})).close(); // no lock is left
  });

  test('refuses a COW file that is cut off, and leaves no output', async () => {
    makePair(4096, (i) => i === 4000);
    truncateSync(cow, 12288 + 100 * 512);
    await expect(mergeToFile({ cow, output: out })).rejects.toMatchObject({
      code: 'truncated',
      details: { step: 'read-data' },
    });
    expect(readdirSync(d).sort()).toEqual(['cow', 'image']);
  });
});

describe('in place', () => {
  test('writes the COW file into its backing file, and leaves an empty one that fits it', async () => {
    const merged = makePair(5000, (i) => i % 100 < 30);
    expect(await mergeInPlace({ cow })).toEqual({ merged: true, rebased: true });
    expect(readFileSync(image).equals(merged)).toBe(true);
    expect(statSync(image).mtimeMs / 1000).toBeGreaterThan(MTIME);
    expect((await content(cow)).equals(merged)).toBe(true);
    expect(
      readFileSync(cow)
        .subarray(8192, 12288)
        .every((byte) => byte === 0),
    ).toBe(true);
    expect(
      readFileSync(cow)
        .subarray(4000, 4128)
        .every((byte) => byte === 0),
    ).toBe(true);
  });

  test('touches nothing if the COW file holds nothing', async () => {
    makePair(64, () => false);
    expect(await mergeInPlace({ cow })).toEqual({ merged: false, rebased: false });
    expect(statSync(image).mtimeMs).toBe(MTIME * 1000);
  });

  test('into another file than the header names leaves the COW file as it was', async () => {
    const merged = makePair(64, (i) => i < 20);
    const other = join(d, 'other');
    copyFileSync(image, other);
    utimesSync(other, MTIME, MTIME);
    const before = readFileSync(cow);
    expect(await mergeInPlace({ cow, backing: other })).toEqual({ merged: true, rebased: false });
    expect(readFileSync(other).equals(merged)).toBe(true);
    expect(readFileSync(cow).equals(before)).toBe(true);
    expect((await content(cow)).equals(merged)).toBe(true);
  });

  test('keeps an odd length, and holes where both files hold zeros', async () => {
    makeHole(image, (8 << 20) + 100);
    const zeros = Buffer.alloc(512);
    const some = new Map([...Array(2000).keys()].map((i) => [i, zeros] as [number, Buffer]));
    some.set(16384, Buffer.alloc(512, 'x'));
    makeCow(cow, { layout: 'v3', size: (8 << 20) + 100, backing: image }, some);
    await mergeInPlace({ cow });
    expect(statSync(image)).toMatchObject({ size: (8 << 20) + 100, blocks: 8 });
    expect(
      readFileSync(image)
        .subarray(8 << 20)
        .toString(),
    ).toBe('x'.repeat(100));
  });

  test('writes zeros over data', async () => {
    makeImage(image, 8192);
    makeCow(
      cow,
      { layout: 'v3', size: 8192, backing: image },
      new Map([...Array(8).keys()].map((i) => [i, Buffer.alloc(512)])),
    );
    await mergeInPlace({ cow });
    expect(
      readFileSync(image)
        .subarray(0, 4096)
        .every((byte) => byte === 0),
    ).toBe(true);
  });

  test.each(['v1-le', 'v1-be', 'v2', 'v3-64'] as const)('works for layout %s, its last sector too', async (layout) => {
    const merged = makeImage(image, 9 * 512);
    const ours = new Map([1, 8].map((i) => [i, randomBytes(512)]));
    makeCow(cow, { layout, size: 9 * 512, backing: image }, ours);
    for (const [i, bytes] of ours) bytes.copy(merged, i * 512);
    expect(await mergeInPlace({ cow })).toEqual({ merged: true, rebased: true });
    expect(readFileSync(image).equals(merged)).toBe(true);
    expect((await content(cow)).equals(merged)).toBe(true);
    expect(parseHeader(readFileSync(cow).subarray(0, 4136), cow).layout).toBe(layout);
  });

  test('other COW files over the backing file are refused afterwards, even within the same second', async () => {
    makePair(64, (i) => i < 20);
    const now = Math.floor(Date.now() / 1000);
    for (const second of [now, now + 1]) {
      utimesSync(image, second, second);
      rmSync(join(d, 'second'), { force: true });
      createCow({ cow: join(d, 'second'), backing: image });
      await mergeInPlace({ cow, ignoreMtime: true });
      await expect(openDisk({ file: join(d, 'second') }, () => {})).rejects.toMatchObject({ code: 'mtime-mismatch' });
      makePair(64, (i) => i < 20);
    }
  });

  test('refuses while any of the files is in use, naming the process', async () => {
    makePair(64, (i) => i < 20);
    createCow({ cow: join(d, 'second'), backing: image });
    const second = await openDisk({ file: join(d, 'second') }, () => {});
    const inUse = { code: 'locked', details: { pid: process.pid } };
    await expect(mergeInPlace({ cow })).rejects.toMatchObject(inUse);
    await mergeToFile({ cow, output: out }); // only reads what is only read
    await second.close();
    const first = await openDisk({ file: cow }, () => {});
    await expect(mergeInPlace({ cow })).rejects.toMatchObject(inUse);
    await expect(mergeToFile({ cow, output: out })).rejects.toMatchObject(inUse);
    await first.close();
    await mergeInPlace({ cow });
  });

  test('a damaged COW file is found before anything is written', async () => {
    makePair(40000, (i) => i === 3 || i === 39000);
    truncateSync(cow, 12288 + 20000 * 512);
    const before = readFileSync(image);
    await expect(mergeInPlace({ cow })).rejects.toMatchObject({ code: 'truncated' });
    expect(readFileSync(image).equals(before)).toBe(true);
  });
});

describe('killed at any moment', () => {
  class Killed extends Error {}

  /** Lets `operations` writes and syncs happen, and none after them. */
  function killAfter(operations: number): () => number {
    let done = 0;
    for (const method of ['write', 'writeNow', 'sync'] as const) {
      const original = HeldFile.prototype[method] as (...args: never[]) => unknown;
      vi.spyOn(HeldFile.prototype, method).mockImplementation(function (this: HeldFile, ...args: unknown[]) {
        if (++done > operations) throw new Killed();
        return original.apply(this, args as never[]) as never;
      });
    }
    return () => done;
  }

  test.each(['v3', 'v2', 'v1-le'] as const)(
    'an in-place merge (%s) is finished by running it again',
    async (layout) => {
      const size = (2 << 20) + 100;
      let operations = 0;
      for (let completed = false; !completed; operations++) {
        const merged = Buffer.concat([makeImage(image, size), Buffer.alloc(412)]);
        const ours = new Map<number, Buffer>();
        for (const i of [0, 1, 2, 700, 701, 2100, 2101, 4096]) ours.set(i, randomBytes(512));
        makeCow(cow, { layout, size, backing: image }, ours);
        for (const [i, bytes] of ours) bytes.copy(merged, i * 512);
        killAfter(operations);
        completed = await mergeInPlace({ cow }).then(
          () => true,
          (error: unknown) => {
            if (error instanceof Killed) return false;
            throw error;
          },
        );
        vi.restoreAllMocks();
        // whoever opens the COW file now is refused or sees the right thing
        const seen = await content(cow).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'mtime-mismatch' });
        });
        if (seen) expect(seen.subarray(0, size).equals(merged.subarray(0, size))).toBe(true);
        await mergeInPlace({ cow });
        expect(readFileSync(image).equals(merged.subarray(0, size))).toBe(true);
        expect((await content(cow)).subarray(0, size).equals(merged.subarray(0, size))).toBe(true);
      }
      expect(operations).toBeGreaterThan(8);
    },
  );

  test('it is not finished over a backing file that somebody else has changed since', async () => {
    makePair(4096, () => true);
    killAfter(3);
    await expect(mergeInPlace({ cow })).rejects.toBeInstanceOf(Killed);
    vi.restoreAllMocks();
    const later = Date.now() / 1000 + 60;
    utimesSync(image, later, later);
    await expect(mergeInPlace({ cow })).rejects.toMatchObject({ code: 'mtime-mismatch' });
    await expect(mergeToFile({ cow, output: out })).rejects.toMatchObject({ code: 'mtime-mismatch' });
    expect(await mergeInPlace({ cow, ignoreMtime: true })).toEqual({ merged: true, rebased: true });
  });
});
