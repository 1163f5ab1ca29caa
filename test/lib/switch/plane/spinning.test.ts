import { describe, expect, test } from 'vitest';
import { BatchSize } from '../../../../src/lib/switch/plane/batch-size.ts';
import { BATCH } from '../../../../src/lib/switch/plane/frame-slots.ts';
import { Spinning } from '../../../../src/lib/switch/plane/spinning.ts';

describe('looking out for the next frame', () => {
  test('begins when frames follow each other within 60 microseconds, for that long at most', () => {
    const spinning = new Spinning();
    expect(spinning.window).toBe(0);
    for (let now = 1000; now < 1010; now++) spinning.slept(now, now + 0.03);
    expect(spinning.window).toBe(0.06);
    expect(spinning.looked(0, 0.05, 0.059)).toBe(true);
    expect(spinning.looked(0, 0.059, 0.061)).toBe(false);
  });

  test('ends with the first that does not come soon: a slow or idle switch sleeps', () => {
    const spinning = new Spinning();
    spinning.slept(1000, 1000.03);
    expect(spinning.window).toBeGreaterThan(0);
    spinning.slept(1001, 1001.2);
    expect(spinning.window).toBe(0);
  });

  test('leaves the core to a program that wants it: for 10 ms, then twice as long each time, 640 at most', () => {
    const spinning = new Spinning();
    let now = 1000;
    for (const truce of [10, 20, 40, 80, 160, 320, 640, 640]) {
      spinning.slept(now, now + 0.03);
      expect(spinning.window).toBeGreaterThan(0);
      expect(spinning.looked(now, now, now + 3)).toBe(false);
      now += 3;
      spinning.slept(now + truce - 1, now + truce - 0.97);
      expect(spinning.window).toBe(0);
      now += truce;
    }
    now += 1000;
    spinning.slept(now, now + 0.03);
    spinning.looked(now, now, now + 3);
    spinning.slept(now + 14, now + 14.03);
    expect(spinning.window).toBeGreaterThan(0); // a second of quiet made up for all that
  });
});

describe('the size of a batch', () => {
  test('is small when the queue ran dry, and large again when 32 in a row were full', () => {
    const size = new BatchSize();
    expect(size.after(BATCH)).toBe(BATCH);
    expect(size.after(0)).toBe(4);
    for (let n = 0; n < 31; n++) expect(size.after(4)).toBe(4);
    expect(size.after(4)).toBe(BATCH);
    expect(size.after(0)).toBe(4);
    for (let n = 0; n < 100; n++) expect(size.after(n % 4)).toBe(4);
  });
});
