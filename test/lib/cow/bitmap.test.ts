import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { Bitmap, hasBit, lastSet, runEnd } from '../../../src/lib/cow/bitmap.ts';

test('runs and bits agree with a plain model', () => {
  const model: boolean[] = Array.from({ length: 4000 }, () => false);
  const bitmap = new Bitmap(Buffer.alloc(500));
  for (let round = 0; round < 60; round++) {
    const from = randomInt(4000);
    const end = from + randomInt(1, Math.min(200, 4001 - from));
    bitmap.set(from, end);
    model.fill(true, from, end);
    expect(lastSet(bitmap.bits)).toBe(model.lastIndexOf(true) + 1);
  }
  for (let i = 0; i < 4000; i++) {
    expect(hasBit(bitmap.bits, i)).toBe(model[i]);
    const limit = Math.min(4000, i + 300);
    const other = model.slice(i, limit).indexOf(!model[i]);
    expect(runEnd(bitmap.bits, i, limit)).toBe(other < 0 ? limit : i + other);
  }
});

test('bits past the end are clear', () => {
  expect(hasBit(Uint8Array.of(255), 8)).toBe(false);
  expect(runEnd(Uint8Array.of(255), 0, 20)).toBe(8);
  expect(runEnd(Uint8Array.of(0), 0, 20)).toBe(20);
  expect(lastSet(new Uint8Array(9))).toBe(0);
});

test('what is dirty is copied, once, and can be put back', () => {
  const bitmap = new Bitmap(Buffer.alloc(4096 * 4 + 10));
  bitmap.set(5, 6);
  bitmap.set(4096 * 8 * 3, 4096 * 8 * 4 + 3);
  const pieces = bitmap.takeDirty();
  expect(pieces.map(({ offset, bytes }) => [offset, bytes.length])).toEqual([
    [0, 4096],
    [12288, 4106],
  ]);
  bitmap.set(6, 7);
  expect(pieces[0]?.bytes[0]).toBe(1 << 5); // as it was
  expect(bitmap.takeDirty()[0]?.bytes[0]).toBe(3 << 5);
  expect(bitmap.takeDirty()).toEqual([]);
  bitmap.set(5, 7); // known already
  expect(bitmap.takeDirty()).toEqual([]);
  bitmap.putBack(pieces);
  expect(bitmap.takeDirty().map(({ offset }) => offset)).toEqual([0, 12288]);
});
