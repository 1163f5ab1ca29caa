/** The library as docs/cow.md shows it to programs: the types are checked with the rest of the project's. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  type CowErrorCode,
  type CowHeader,
  type CowLayout,
  createCow,
  type Disk,
  encodeHeader,
  HEADER_BYTES,
  hasMagic,
  layOut,
  type MergePlan,
  mergeInPlace,
  mergeToFile,
  openDisk,
  parseHeader,
  planMerge,
} from '../../../src/lib/cow/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { makeImage } from './images.ts';

test('a disk, a plan, a merge with progress and one that is stopped, a header', async () => {
  const d = temporaryDirectory();
  const [cow, backing, output] = [join(d, 'cow'), join(d, 'back'), join(d, 'out')];
  const model = makeImage(backing, 4 << 20);

  const header: CowHeader = createCow({ cow, backing });
  const disk: Disk = await openDisk({ file: cow }, (message: string) => expect(message).toBe(''));
  const data: Uint8Array = new Uint8Array(1024).fill(7);
  const reads = Promise.all([0, 512, 4096].map(async (offset) => disk.read(offset, new Uint8Array(512))));
  await Promise.all([disk.write(2048, data), disk.write(2560, data), reads]);
  await disk.flush();
  await disk.trim(8192, 4096);
  const into = new Uint8Array(4096);
  await disk.read(0, into);
  await disk.close();
  model.fill(7, 2048, 3584);
  expect(model.subarray(0, 4096).equals(into)).toBe(true);
  const closed: CowErrorCode = 'closed';
  await expect(disk.read(0, into)).rejects.toMatchObject({ code: closed });

  const plan: MergePlan = await planMerge({ cow });
  expect(plan).toEqual({ backing, size: 4 << 20, dirty: 4096, resumes: false, rebases: true });
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  await expect(mergeToFile({ cow, output, signal: stop.signal })).rejects.toThrow('enough');
  const seen: number[] = [];
  await mergeToFile({ cow, output, progress: (done: number, total: number) => seen.push(done / total) });
  expect(seen.at(-1)).toBe(1);
  expect(readFileSync(output).equals(model)).toBe(true);
  const { merged, rebased }: { merged: boolean; rebased: boolean } = await mergeInPlace({ cow });
  expect([merged, rebased, readFileSync(backing).equals(model)]).toEqual([true, true, true]);

  const start = readFileSync(cow).subarray(0, HEADER_BYTES);
  const layout: CowLayout = parseHeader(start, cow).layout;
  const mtime = Math.floor(statSync(backing).mtimeMs / 1000);
  expect([hasMagic(start), layout]).toEqual([true, 'v3']);
  const again = Buffer.from(encodeHeader(layOut({ ...header, mtime })));
  expect(again.equals(start.subarray(0, again.length))).toBe(true);
});
