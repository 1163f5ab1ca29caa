import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { Flusher } from '../../../src/lib/cow/flusher.ts';
import { openDisk } from '../../../src/lib/cow/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { makeHole } from './images.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** A sync that ends when it is told to. */
function manual() {
  const ends: { resolve: () => void; reject: (error: Error) => void }[] = [];
  return { ends, sync: () => new Promise<void>((resolve, reject) => ends.push({ resolve, reject })) };
}

test('flushes that are asked for during one are joined, and begin after it', async () => {
  const { ends, sync } = manual();
  const flusher = new Flusher(sync);
  await flusher.flush(); // nothing to do
  flusher.wrote(512);
  const first = flusher.flush();
  flusher.wrote(512);
  const [second, third] = [flusher.flush(), flusher.flush()];
  expect(second).toBe(third);
  expect(ends.length).toBe(1);
  ends[0]?.resolve();
  await first;
  await expect.poll(() => ends.length).toBe(2);
  ends[1]?.resolve();
  await second;
  await flusher.flush();
  expect(ends.length).toBe(2);
  flusher.stop();
});

test('what a failed flush has left is tried again by the next', async () => {
  const { ends, sync } = manual();
  const flusher = new Flusher(sync);
  flusher.wrote(512);
  const first = flusher.flush();
  ends[0]?.reject(new Error('no'));
  await expect(first).rejects.toThrow('no');
  const second = flusher.flush();
  expect(ends.length).toBe(2);
  ends[1]?.resolve();
  await second;
  flusher.stop();
});

test('a disk that nobody flushes is flushed after a while', async () => {
  const d = temporaryDirectory();
  makeHole(join(d, 'image'), 1 << 20);
  const disk = await openDisk({ file: join(d, 'cow'), backing: join(d, 'image') }, () => {});
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  await disk.write(0, Buffer.alloc(4096, 1));
  const bits = () => readFileSync(join(d, 'cow'))[8192];
  expect(bits()).toBe(0);
  vi.advanceTimersByTime(10_000);
  vi.useRealTimers();
  await expect.poll(bits).toBe(0xff);
  await disk.close();
});
