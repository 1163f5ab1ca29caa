import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { createCow, type DiskSpec, openDisk } from '../../../src/lib/cow/index.ts';
import { root, spawnProgram, temporaryDirectory } from '../../support/run.ts';
import { makeImage } from './images.ts';

let d: string;
let image: string;
let cow: string;
beforeEach(() => {
  d = temporaryDirectory();
  image = join(d, 'image');
  cow = join(d, 'cow');
  makeImage(image, 1 << 20);
  createCow({ cow, backing: image });
});

function holder(...specs: DiskSpec[]) {
  const program = join(root, 'test/lib/cow/child.ts');
  return spawnProgram(process.execPath, ['--import', 'tsx', program, 'hold', ...specs.map((s) => JSON.stringify(s))]);
}

/** What opening a disk gives: `open`, or the messages and the error. */
async function attempt(spec: DiskSpec) {
  const said: string[] = [];
  try {
    await (await openDisk(spec, (message) => said.push(message))).close();
    return { said, error: undefined };
  } catch (error) {
    return { said, error };
  }
}

test('a COW file in use by another process is refused, with its pid, and free when that has closed it', async () => {
  const other = holder({ file: cow });
  await other.waitFor(/open\n/);
  const { said, error } = await attempt({ file: cow });
  expect(error).toMatchObject({ code: 'locked', errno: 11, details: { pid: other.pid } });
  expect(said).toEqual([
    `F_SETLK failed, file already locked by pid ${other.pid}`,
    `Failed to lock '${cow}', err = 11`,
    `Failed to open '${cow}', errno = 11`,
  ]);
  expect((await attempt({ file: cow, readOnly: true })).error).toMatchObject({ code: 'locked' });
  other.end();
  await other.exit();
  expect(await attempt({ file: cow })).toEqual({ said: [], error: undefined });
});

test('a backing file is shared by COW files and closed to writers', async () => {
  const other = holder({ file: cow });
  await other.waitFor(/open\n/);
  const second = { file: join(d, 'second'), backing: image };
  expect((await attempt(second)).error).toBeUndefined();
  expect((await attempt({ file: image, readOnly: true })).error).toBeUndefined();
  expect((await attempt({ file: image })).error).toMatchObject({ code: 'locked', details: { pid: other.pid } });
  other.end();
  await other.exit();
});

test('flag c takes no lock and minds none', async () => {
  const other = holder({ file: cow });
  await other.waitFor(/open\n/);
  expect(await attempt({ file: cow, shared: true })).toEqual({
    said: [`Not locking "${cow}" on the host`, `Not locking "${image}" on the host`],
    error: undefined,
  });
  other.end();
  await other.exit();
});

test('one process: two COW files share a backing file, and the lock lasts until both are closed', async () => {
  createCow({ cow: join(d, 'cow2'), backing: image });
  const model = readFileSync(image); // now: closing it while a disk has it open would drop the lock
  const [one, two] = [await openDisk({ file: cow }, () => {}), await openDisk({ file: join(d, 'cow2') }, () => {})];
  expect((await attempt({ file: cow })).error).toMatchObject({ code: 'locked', details: { pid: process.pid } });
  expect((await attempt({ file: image })).error).toMatchObject({ code: 'locked', details: { pid: process.pid } });
  await one.close();

  const into = Buffer.alloc(1 << 20);
  await two.read(0, into);
  expect(into.equals(model)).toBe(true);
  const other = holder({ file: image }, { file: cow });
  await other.waitFor(/locked \d+\n(.*\n)*open\n/);
  expect(other.stdout).toContain(`locked ${process.pid}`);
  other.end();
  await other.exit();
  await two.close();
  expect((await attempt({ file: image })).error).toBeUndefined();
});

test('a failed open holds no lock', async () => {
  createCow({ cow: join(d, 'cow2'), backing: image });
  const other = holder({ file: image, readOnly: true });
  await other.waitFor(/open\n/);
  expect((await attempt({ file: image })).error).toMatchObject({ code: 'locked' });
  const bad = holder({ file: image }, { file: cow, backing: image });
  await bad.waitFor(/locked \d+\n(.*\n)*open\n/); // the second: only a read lock is needed
  for (const child of [other, bad]) child.end();
  await Promise.all([other.exit(), bad.exit()]);
  expect((await attempt({ file: image })).error).toBeUndefined();
});
