/** COW files of every size and filling, made by the C tools and by ours, merged by both. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { diffImages, mergeInPlace, mergeToFile, openDisk } from '../../src/lib/cow/index.ts';
import { MTIME, makeHole, makeImage, sha256 } from '../lib/cow/images.ts';
import { runProgram, runTool, temporaryDirectory } from '../support/run.ts';

const silent = { status: 0, signal: null, stdout: '', stderr: '' };

/** Sectors of an image of which this share is dirty, spread in runs. */
function dirtySectors(sectors: number, percent: number): number[] {
  return [...Array(sectors).keys()].filter((i) => (Math.floor(i / 8) * 37) % 100 < percent);
}

/** Writes sectors of a COW file through our disk, and into the model of what a guest sees. */
async function fill(cow: string, model: Buffer, sectors: readonly number[]): Promise<void> {
  const disk = await openDisk({ file: cow }, () => {});
  for (const [n, i] of sectors.entries()) {
    const data = n % 3 ? randomBytes(512) : Buffer.alloc(512);
    data.copy(model, i * 512);
    await disk.write(i * 512, data);
  }
  await disk.close();
}

describe.each([512, 1024, 4096, 4608, 32768, 1 << 20, (3 << 20) + 512])('%i bytes', (size) => {
  test.each([0, 1, 10, 50, 100])('%i percent dirty', async (percent) => {
    const d = temporaryDirectory();
    const at = (name: string) => join(d, name);
    const model = makeImage(at('back'), size);
    expect(await runProgram('uml_mkcow', ['theirs', 'back'], { cwd: d })).toEqual(silent);
    const sectors = dirtySectors(size / 512, percent);
    await fill(at('theirs'), model, sectors);
    expect(await runProgram('uml_moo', ['theirs', 'c.img'], { cwd: d })).toEqual(silent);
    await mergeToFile({ cow: at('theirs'), output: at('our.img') });
    expect(readFileSync(at('our.img')).equals(model)).toBe(true);
    expect(sha256(at('our.img'))).toBe(sha256(at('c.img')));

    copyFileSync(at('back'), at('back2'));
    utimesSync(at('back2'), MTIME, MTIME);
    expect(await runProgram('uml_moo', ['-d', '-b', 'back2', 'theirs'], { cwd: d })).toEqual(silent);
    await mergeInPlace({ cow: at('theirs') });
    expect(sha256(at('back'))).toBe(sha256(at('c.img')));
    expect(sha256(at('back2'))).toBe(sha256(at('c.img')));
  });
});

// the C tool loses the last, partial sector of these
test.each([1, 511, 513, 1000, 4095, 4097, (1 << 20) - 1, (1 << 20) + 1])('%i bytes: to the last byte', async (size) => {
  const d = temporaryDirectory();
  const [cow, back, out] = [join(d, 'cow'), join(d, 'back'), join(d, 'out')];
  const model = Buffer.concat([makeImage(back, size), Buffer.alloc(512)]);
  await runProgram('uml_mkcow', ['cow', 'back'], { cwd: d });
  const last = Math.floor((size - 1) / 512);
  await fill(cow, model, [0, last, last]);
  await mergeToFile({ cow, output: out });
  expect(readFileSync(out).equals(model.subarray(0, size))).toBe(true);
  await mergeInPlace({ cow });
  expect(readFileSync(back).equals(model.subarray(0, size))).toBe(true);
});

test('8 GiB, sparse: both tools agree, and what is a hole stays one', async () => {
  const d = temporaryDirectory();
  const at = (name: string) => join(d, name);
  const size = 8 * 2 ** 30;
  makeHole(at('back'), size);
  const base = randomBytes(4096);
  const fd = openSync(at('back'), 'r+');
  writeSync(fd, base, 0, base.length, 5 * 2 ** 30);
  closeSync(fd);
  utimesSync(at('back'), MTIME, MTIME);
  expect(await runTool('uml_mkcow', ['cow', 'back'], { cwd: d })).toEqual(silent);
  const spots = [0, 2 ** 31 - 4096, 2 ** 32 - 4096, 2 ** 32, size - 4096];
  const data = randomBytes(4096);
  const disk = await openDisk({ file: at('cow') }, () => {});
  for (const spot of spots) await disk.write(spot, data);
  await disk.close();

  expect(await runProgram('cp', ['--sparse=always', '-p', 'back', 'back2'], { cwd: d })).toEqual(silent);
  await mergeToFile({ cow: at('cow'), output: at('our.img') });
  expect(await runProgram('uml_moo', ['-d', '-b', 'back2', 'cow'], { cwd: d })).toEqual(silent);
  await mergeInPlace({ cow: at('cow') });
  for (const name of ['back', 'back2', 'our.img']) {
    const image = openSync(at(name), 'r');
    expect(fstatSync(image).size).toBe(size);
    for (const spot of [...spots, 5 * 2 ** 30]) {
      const bytes = Buffer.alloc(4096);
      readSync(image, bytes, 0, 4096, spot);
      expect(bytes.equals(spot === 5 * 2 ** 30 ? base : data), `${name} at ${spot}`).toBe(true);
    }
    closeSync(image);
    expect(await diffImages(at(name), at('back'), { onDifference: () => {} })).toBe(0);
  }
  expect(statSync(at('our.img')).blocks).toBeLessThanOrEqual(8 * 8); // six pages, and what the file system adds
});

test('a backing file whose name has 4,095 bytes', async () => {
  const d = temporaryDirectory();
  let directory = d;
  while (4094 - directory.length > 201) directory += `/${'x'.repeat(200)}`;
  mkdirSync(directory, { recursive: true });
  const name = 'y'.repeat(4094 - directory.length);
  const model = makeImage(join(d, 'image'), 1 << 20);
  linkSync(join(d, 'image'), join(directory, name));
  expect(join(directory, name)).toHaveLength(4095);
  const cow = join(d, 'cow');
  const tools = [runProgram, runTool];
  for (const make of tools) {
    for (const merge of tools) {
      expect(await make('uml_mkcow', [cow, join(directory, name)])).toEqual(silent);
      const expected = Buffer.from(model);
      await fill(cow, expected, [1, 2000]);
      expect(await merge('uml_moo', [cow, join(d, 'out')])).toEqual(silent);
      expect(readFileSync(join(d, 'out')).equals(expected)).toBe(true);
      rmSync(cow);
    }
  }
  // one more can only be reached from its directory
  const longer = `${name.slice(1)}zz`;
  await runProgram('ln', [join(d, 'image'), longer], { cwd: directory });
  const tooLong = await runTool('uml_mkcow', [cow, longer], { cwd: directory });
  await runProgram('rm', [longer], { cwd: directory });
  expect(tooLong.status).toBe(1);
  expect(tooLong.stdout).toContain('is too long - names are limited to 4095 characters');
});
