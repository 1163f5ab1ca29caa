import { closeSync, openSync, readFileSync, statSync, truncateSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { checkCow, createCow, openDisk } from '../../../src/lib/cow/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { makeCow, makeImage } from './images.ts';

const SIZE = 9 * 512 + 100;
let d: string;
let cow: string;
let image: string;
beforeEach(() => {
  d = temporaryDirectory();
  [cow, image] = [join(d, 'cow'), join(d, 'image')];
  makeImage(image, SIZE);
  makeCow(cow, { layout: 'v3', size: SIZE, backing: image }, new Map([[1, Buffer.alloc(512, 1)]]));
});

function put(offset: number, ...bytes: number[]): void {
  const fd = openSync(cow, 'r+');
  writeSync(fd, Uint8Array.from(bytes), 0, bytes.length, offset);
  closeSync(fd);
}

const codes = (repair?: true) =>
  checkCow({ cow, ...(repair && { repair }) }).map(({ code, repaired }) => [code, repaired]);

test('nothing is wrong with a good file', () => {
  expect(codes()).toEqual([]);
  expect(codes(true)).toEqual([]);
});

test('what can be repaired is, once, and the rest of the file stays', () => {
  const good = readFileSync(cow);
  put(8193, 0xfc); // sectors 8 and 9 have the lowest two bits
  put(3000, 77);
  truncateSync(cow, 12288 + 2 * 512);
  const all = ['dirty-name', 'stray-bits', 'short-file'];
  expect(codes()).toEqual(all.map((code) => [code, false]));
  expect(statSync(cow).size).toBe(12288 + 2 * 512);
  expect(codes(true)).toEqual(all.map((code) => [code, true]));
  expect(codes()).toEqual([]);
  expect(readFileSync(cow).equals(good)).toBe(true);
});

test('lost data, and a bitmap that is cut, are told and never papered over', () => {
  truncateSync(cow, 12288 + 2 * 512 - 1);
  expect(codes(true)).toEqual([['truncated', false]]);
  truncateSync(cow, 8193);
  expect(checkCow({ cow, repair: true })[0]).toMatchObject({
    code: 'truncated',
    error: { details: { expected: 8194 } },
  });
  expect(statSync(cow).size).toBe(8193);
});

test('an old layout without room for the last bits', () => {
  makeImage(image, (232 * 8 + 1) * 512);
  makeCow(cow, { layout: 'v1-le', size: (232 * 8 + 1) * 512, backing: image }, new Map());
  expect(codes()).toEqual([['no-bitmap-room', false]]);
});

test('a backing file that is missing, another, or a COW file', () => {
  utimesSync(image, 5, 5);
  expect(checkCow({ cow })).toMatchObject([{ code: 'backing', error: { code: 'mtime-mismatch' } }]);
  truncateSync(image, 5);
  expect(checkCow({ cow })).toMatchObject([{ code: 'backing', error: { code: 'size-mismatch' } }]);
  createCow({ cow: join(d, 'upper'), backing: cow });
  expect(checkCow({ cow: join(d, 'upper') })).toMatchObject([{ code: 'backing', error: { code: 'cow-backing' } }]);
  makeCow(cow, { layout: 'v3', size: SIZE, backing: join(d, 'nosuch') }, new Map());
  expect(checkCow({ cow })).toMatchObject([{ code: 'backing', error: { code: 'system', errno: 2 } }]);
});

test('a file in use is not repaired; a plain one is no COW file', async () => {
  const disk = await openDisk({ file: cow }, () => {});
  expect(() => checkCow({ cow, repair: true })).toThrow(/is in use by process/);
  await disk.close();
  expect(() => checkCow({ cow: image })).toThrow('is not a COW file');
});
