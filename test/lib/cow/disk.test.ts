import { randomBytes, randomInt } from 'node:crypto';
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createCow, type Disk, type DiskSpec, openDisk, parseHeader } from '../../../src/lib/cow/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { MTIME, makeCow, makeHole, makeImage, sha256 } from './images.ts';

let d: string;
beforeEach(() => {
  d = temporaryDirectory();
});

async function open(spec: DiskSpec): Promise<{ disk: Disk; said: string[] }> {
  const said: string[] = [];
  return { disk: await openDisk(spec, (message) => said.push(message)), said };
}

async function refused(spec: DiskSpec): Promise<{ error: unknown; said: string[] }> {
  const said: string[] = [];
  const error = await openDisk(spec, (message) => said.push(message)).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { error, said };
}

async function readAll(disk: Disk): Promise<Buffer> {
  const bytes = Buffer.alloc(disk.size, 0xee);
  await disk.read(0, bytes);
  return bytes;
}

function headerOf(cow: string) {
  return parseHeader(readFileSync(cow).subarray(0, 4136), cow);
}

describe('a COW file over a backing file', () => {
  test('is created as UML does it, and says so', async () => {
    makeImage(join(d, 'root'), 1 << 20);
    const { disk, said } = await open({ file: join(d, 'cow'), backing: join(d, 'root') });
    expect(said).toEqual([`Creating "${join(d, 'cow')}" as COW file for "${join(d, 'root')}"`]);
    expect(disk).toMatchObject({ size: 1 << 20, readOnly: false });
    await disk.close();
    expect(statSync(join(d, 'cow'))).toMatchObject({ size: 1060864, mode: 0o100644 });
    expect(headerOf(join(d, 'cow'))).toMatchObject({
      layout: 'v3',
      mtime: MTIME,
      bitmapOffset: 8192,
      dataOffset: 12288,
    });
    expect(readdirSync(d).sort()).toEqual(['cow', 'root']);
  });

  test('reads back what was written, in any order and size, before and after it is opened again', async () => {
    const model = Buffer.concat([makeImage(join(d, 'root'), 301 * 512 + 100), Buffer.alloc(412)]);
    const before = sha256(join(d, 'root'));
    for (let round = 0; round < 6; round++) {
      const spec = round === 0 ? { file: join(d, 'cow'), backing: join(d, 'root') } : { file: join(d, 'cow') };
      const { disk } = await open(spec);
      for (let i = 0; i < 60; i++) {
        const first = randomInt(302);
        const length = Math.min(randomInt(1, 40), 302 - first) * 512;
        if (i % 2) {
          const data = randomBytes(length);
          await disk.write(first * 512, data);
          data.copy(model, first * 512);
        } else {
          const into = Buffer.alloc(length);
          await disk.read(first * 512, into);
          expect(into.equals(model.subarray(first * 512, first * 512 + length))).toBe(true);
        }
        if (i % 17 === 0) await disk.flush();
      }
      expect((await readAll(disk)).equals(model)).toBe(true);
      await disk.close();
    }
    expect(sha256(join(d, 'root'))).toBe(before);
  });

  test('gives each sector from the right file when they alternate', async () => {
    const model = makeImage(join(d, 'root'), 512 * 200);
    const { disk } = await open({ file: join(d, 'cow'), backing: join(d, 'root') });
    for (let i = 3; i < 200; i += 2) {
      const data = randomBytes(512);
      await disk.write(i * 512, data);
      data.copy(model, i * 512);
    }
    for (const [from, end] of [
      [0, 200],
      [1, 199],
      [5, 190],
      [7, 8],
      [150, 200],
    ] as const) {
      const into = Buffer.alloc((end - from) * 512);
      await disk.read(from * 512, into);
      expect(into.equals(model.subarray(from * 512, end * 512))).toBe(true);
    }
    await disk.close();
  });

  test('keeps overlapping writes in the order of their calls', async () => {
    makeHole(join(d, 'root'), 1 << 20);
    const { disk } = await open({ file: join(d, 'cow'), backing: join(d, 'root') });
    const model = Buffer.alloc(1 << 20);
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 200; i++) {
      const data = randomBytes(512 * randomInt(1, 64));
      const at = 512 * randomInt(2048 - 64);
      data.copy(model, at);
      writes.push(disk.write(at, data));
    }
    await Promise.all(writes);
    expect((await readAll(disk)).equals(model)).toBe(true);
    await disk.close();
  });

  test('shows a write to a read that begins when it has completed, whatever else is under way', async () => {
    makeHole(join(d, 'root'), 1 << 20);
    const { disk } = await open({ file: join(d, 'cow'), backing: join(d, 'root') });
    const worker = async (base: number) => {
      for (let i = 0; i < 100; i++) {
        const data = randomBytes(1024);
        const at = (base * 100 + i) * 1024;
        await disk.write(at, data);
        const into = Buffer.alloc(1024);
        await disk.read(at, into);
        expect(into.equals(data)).toBe(true);
        if (i % 10 === base) await disk.flush();
      }
    };
    await Promise.all([0, 1, 2, 3, 4].map(worker));
    await disk.close();
  });

  test('has its bitmap on the disk only after a flush, and then for all that was written before', async () => {
    makeHole(join(d, 'root'), 64 << 20);
    const { disk } = await open({ file: join(d, 'cow'), backing: join(d, 'root') });
    const bit = (sector: number) => (readFileSync(join(d, 'cow'))[8192 + (sector >> 3)]! >> (sector & 7)) & 1;
    await disk.write(0, Buffer.alloc(512, 1));
    await disk.write(40 << 20, Buffer.alloc(4096, 2));
    expect([bit(0), bit(40 << 11)]).toEqual([0, 0]);
    await disk.flush();
    expect([bit(0), bit(8), bit(40 << 11), bit((40 << 11) + 7), bit((40 << 11) + 8)]).toEqual([1, 0, 1, 1, 0]);
    await disk.close();
  });

  test('holds whole pages, which the kernel of UML needs: the rest of a page is taken over', async () => {
    const model = Buffer.concat([makeImage(join(d, 'root'), 40960 + 700), Buffer.alloc(324)]);
    const { disk } = await open({ file: join(d, 'cow'), backing: join(d, 'root') });
    for (const [sector, length] of [
      [1, 1],
      [17, 10],
      [79, 1],
      [81, 1],
      [3, 2],
    ] as const) {
      const data = randomBytes(length * 512);
      data.copy(model, sector * 512);
      await disk.write(sector * 512, data);
    }
    expect((await readAll(disk)).equals(model)).toBe(true);
    await disk.close();
    const bitmap = readFileSync(join(d, 'cow')).subarray(8192, 8192 + 11);
    expect([...bitmap]).toEqual([255, 0, 255, 255, 0, 0, 0, 0, 0, 255, 3]);
  });

  test('flag s: a write is durable when it completes', async () => {
    makeHole(join(d, 'root'), 1 << 20);
    const { disk } = await open({ file: join(d, 'cow'), backing: join(d, 'root'), synchronous: true });
    await disk.write(512, Buffer.alloc(512, 1));
    expect(readFileSync(join(d, 'cow'))[8192]).toBe(0xff);
    await disk.close();
  });

  test.each(['v1-le', 'v1-be', 'v2', 'v3', 'v3-64'] as const)('of layout %s is read and written', async (layout) => {
    const model = makeImage(join(d, 'root'), 9 * 512);
    const ours = new Map([0, 8].map((i) => [i, randomBytes(512)]));
    makeCow(join(d, 'cow'), { layout, size: 9 * 512, backing: join(d, 'root') }, ours);
    for (const [i, bytes] of ours) bytes.copy(model, i * 512);
    const { disk, said } = await open({ file: join(d, 'cow') });
    expect(said).toEqual(
      layout === 'v3-64' ? ['read_cow_header - broken V3 file with 64-bit layout - recovering content.'] : [],
    );
    expect((await readAll(disk)).equals(model)).toBe(true);
    const data = randomBytes(1024);
    await disk.write(7 * 512, data);
    data.copy(model, 7 * 512);
    await disk.close();
    const again = (await open({ file: join(d, 'cow') })).disk;
    expect((await readAll(again)).equals(model)).toBe(true);
    await again.close();
  });

  test('flag r: can be read, refuses a write, and is not created', async () => {
    const model = makeImage(join(d, 'root'), 1024);
    createCow({ cow: join(d, 'cow'), backing: join(d, 'root') });
    const { disk } = await open({ file: join(d, 'cow'), readOnly: true });
    expect(disk.readOnly).toBe(true);
    expect((await readAll(disk)).equals(model)).toBe(true);
    await expect(disk.write(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'read-only' });
    await disk.close();
    const { error } = await refused({ file: join(d, 'none'), backing: join(d, 'root'), readOnly: true });
    expect(error).toMatchObject({ code: 'system', errno: 2 });
  });

  test('refuses ranges that are not whole sectors of it', async () => {
    makeImage(join(d, 'root'), 1024);
    const { disk } = await open({ file: join(d, 'cow'), backing: join(d, 'root') });
    for (const [offset, length] of [
      [0, 100],
      [100, 512],
      [512, 1024],
      [-512, 512],
    ] as const) {
      await expect(disk.read(offset, Buffer.alloc(length))).rejects.toMatchObject({ code: 'out-of-range' });
      await expect(disk.write(offset, Buffer.alloc(length))).rejects.toMatchObject({ code: 'out-of-range' });
    }
    await disk.close();
    await expect(disk.read(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'closed' });
  });

  test('gives the space of trimmed sectors back; they read as zeros, also later, and the others as before', async () => {
    const model = makeImage(join(d, 'root'), 1 << 20);
    const { disk } = await open({ file: join(d, 'cow'), backing: join(d, 'root') });
    await disk.write(0, randomBytes(512 << 10));
    await disk.flush();
    const before = statSync(join(d, 'cow')).blocks;
    await disk.trim(0, 768 << 10);
    model.fill(0, 0, 512 << 10); // behind it lies what the COW file does not hold
    expect((await readAll(disk)).equals(model)).toBe(true);
    await disk.write(4096, Buffer.alloc(512, 'x'));
    model.fill('x', 4096, 4608);
    await disk.close();
    expect(statSync(join(d, 'cow')).blocks).toBeLessThan(before / 2);
    const again = (await open({ file: join(d, 'cow'), readOnly: true })).disk;
    expect((await readAll(again)).equals(model)).toBe(true);
    await expect(again.trim(0, 512)).rejects.toMatchObject({ code: 'read-only' });
    await again.close();
  });
});

describe('the backing file', () => {
  beforeEach(() => {
    makeImage(join(d, 'root'), 4096);
    createCow({ cow: join(d, 'cow'), backing: join(d, 'root') });
  });
  const cow = () => join(d, 'cow');
  const root = () => join(d, 'root');

  test('that was changed since is refused', async () => {
    utimesSync(root(), 1795447008, 1795447008);
    const { error, said } = await refused({ file: cow() });
    expect(error).toMatchObject({ code: 'mtime-mismatch', errno: 22 });
    expect(said).toEqual([
      'mtime mismatch (1130814229 vs 1795447008) of COW header vs backing file',
      `Failed to open '${cow()}', errno = 22`,
    ]);
  });

  test('of another size is refused', async () => {
    truncateSync(root(), 8192);
    utimesSync(root(), MTIME, MTIME);
    const { error, said } = await refused({ file: cow() });
    expect(error).toMatchObject({ code: 'size-mismatch', errno: 22 });
    expect(said).toEqual([
      'Size mismatch (4096 vs 8192) of COW header vs backing file',
      `Failed to open '${cow()}', errno = 22`,
    ]);
  });

  test('that is gone is refused', async () => {
    makeCow(cow(), { layout: 'v3', size: 4096, backing: join(d, 'gone') }, new Map());
    const { error, said } = await refused({ file: cow() });
    expect(error).toMatchObject({ code: 'system', errno: 2 });
    expect(said).toEqual([
      `Failed to get modification time of backing file "${join(d, 'gone')}", err = 2`,
      `Failed to open '${cow()}', errno = 2`,
    ]);
  });

  test('that moved, time kept: the header is rewritten', async () => {
    const moved = join(d, 'moved');
    writeFileSync(moved, readFileSync(root()));
    utimesSync(moved, MTIME, MTIME);
    const { disk, said } = await open({ file: cow(), backing: moved });
    expect(said).toEqual([
      `Backing file mismatch - "${moved}" requested, "${root()}" specified in COW header of "${cow()}"`,
      `Switching backing file to '${moved}'`,
    ]);
    await disk.close();
    expect(headerOf(cow()).backing.toString()).toBe(moved);
  });

  test.each(['v1-le', 'v2'] as const)('that moved, in a %s file: what the file holds is kept', async (layout) => {
    const model = readFileSync(root());
    model.fill('x', 0, 512);
    makeCow(cow(), { layout, size: 4096, backing: '/nowhere' }, new Map([[0, Buffer.alloc(512, 'x')]]));
    const { disk, said } = await open({ file: cow(), backing: root() });
    expect(said).toEqual([`Couldn't stat '/nowhere', err = 2`, `Switching backing file to '${root()}'`]);
    expect((await readAll(disk)).equals(model)).toBe(true);
    await disk.close();
    expect(headerOf(cow())).toMatchObject({ layout, size: 4096 });
    expect(headerOf(cow()).backing.toString()).toBe(root());
  });

  test('asked for that does not fit: the one in the header is used', async () => {
    const other = join(d, 'other');
    makeImage(other, 4096);
    utimesSync(other, 1795447157, 1795447157);
    const { disk, said } = await open({ file: cow(), backing: other });
    expect(said).toEqual([
      `Backing file mismatch - "${other}" requested, "${root()}" specified in COW header of "${cow()}"`,
      'mtime mismatch (1130814229 vs 1795447157) of COW header vs backing file',
    ]);
    expect((await readAll(disk)).equals(readFileSync(root()))).toBe(true);
    await disk.close();
  });

  test('asked for that can not be found: the one in the header is used', async () => {
    const { disk, said } = await open({ file: cow(), backing: join(d, 'gone') });
    expect(said).toEqual([`Couldn't stat '${join(d, 'gone')}', err = 2`]);
    await disk.close();
  });

  test('under another name is the same file', async () => {
    symlinkSync('root', join(d, 'link'));
    const { disk, said } = await open({ file: cow(), backing: join(d, 'link') });
    expect(said).toEqual([]);
    await disk.close();
    expect(headerOf(cow()).backing.toString()).toBe(root());
  });

  test('missing when the COW file is to be created: nothing is left behind', async () => {
    const { error, said } = await refused({ file: join(d, 'new'), backing: join(d, 'gone') });
    expect(error).toMatchObject({ code: 'system', errno: 2 });
    expect(said).toEqual([
      `write_cow_header - backing file '${join(d, 'gone')}' mtime request failed, err = 2`,
      `Failed to open '${join(d, 'new')}', errno = 2`,
    ]);
    expect(existsSync(join(d, 'new'))).toBe(false);
  });
});

describe('a COW file that can not be used', () => {
  beforeEach(() => {
    makeImage(join(d, 'root'), 1 << 20);
    createCow({ cow: join(d, 'cow'), backing: join(d, 'root') });
  });

  test('with a backing file asked for, an empty or foreign file is refused as by UML', async () => {
    writeFileSync(join(d, 'empty'), '');
    const { error, said } = await refused({ file: join(d, 'empty'), backing: join(d, 'root') });
    expect(error).toMatchObject({ errno: 22 });
    expect(said).toEqual([
      'read_cow_header - short header',
      `Failed to read COW header from COW file "${join(d, 'empty')}", errno = 22`,
      `Failed to open '${join(d, 'empty')}', errno = 22`,
    ]);
    expect((await refused({ file: join(d, 'root'), backing: join(d, 'root') })).error).toMatchObject({
      code: 'not-cow',
    });
  });

  test('a damaged header is refused, never taken for a plain image', async () => {
    const bytes = readFileSync(join(d, 'cow'));
    for (const [offset, value] of [
      [7, 9],
      [26, 0],
      [22, 3],
      [31, 1],
      [12, 0x7f],
    ] as const) {
      const damaged = Buffer.from(bytes);
      damaged[offset] = value;
      if (offset === 26) damaged.fill(0, 24, 28);
      writeFileSync(join(d, 'bad'), damaged);
      const { error } = await refused({ file: join(d, 'bad') });
      expect(error).toMatchObject({ name: 'CowError', errno: 22 });
    }
  });

  test('cut off in its bitmap or data is refused', async () => {
    const { disk } = await open({ file: join(d, 'cow') });
    await disk.write(512 * 100, Buffer.alloc(512, 1));
    await disk.close();
    truncateSync(join(d, 'cow'), 12288 + 512 * 100);
    expect((await refused({ file: join(d, 'cow') })).error).toMatchObject({ code: 'truncated' });
    truncateSync(join(d, 'cow'), 8192 + 10);
    expect((await refused({ file: join(d, 'cow') })).error).toMatchObject({ code: 'truncated' });
  });

  test('cut off where it holds nothing is whole', async () => {
    truncateSync(join(d, 'cow'), 12288);
    const { disk } = await open({ file: join(d, 'cow') });
    expect((await readAll(disk)).equals(readFileSync(join(d, 'root')))).toBe(true);
    await disk.close();
  });
});

describe('a plain image', () => {
  test('is read and written in place; an odd tail is rounded up and reads as zeros', async () => {
    const model = Buffer.concat([makeImage(join(d, 'image'), 5000), Buffer.alloc(120)]);
    const { disk, said } = await open({ file: join(d, 'image') });
    expect(said).toEqual([]);
    expect(disk.size).toBe(5120);
    expect((await readAll(disk)).equals(model)).toBe(true);
    const data = randomBytes(1024);
    await disk.write(4096, data);
    data.copy(model, 4096);
    expect((await readAll(disk)).equals(model)).toBe(true);
    await disk.close();
    expect(readFileSync(join(d, 'image')).equals(model)).toBe(true);
  });

  test('flag d: a COW file is data', async () => {
    makeImage(join(d, 'root'), 4096);
    createCow({ cow: join(d, 'cow'), backing: join(d, 'root') });
    const { disk } = await open({ file: join(d, 'cow'), dataOnly: true });
    expect(disk.size).toBe(statSync(join(d, 'cow')).size);
    await disk.close();
  });

  test('gives trimmed space back to the host', async () => {
    makeImage(join(d, 'image'), 1 << 20);
    const { disk } = await open({ file: join(d, 'image') });
    const before = statSync(join(d, 'image')).blocks;
    await disk.trim(0, 512 << 10);
    expect(statSync(join(d, 'image')).blocks).toBeLessThan(before);
    const into = Buffer.alloc(512 << 10, 1);
    await disk.read(0, into);
    expect(into.every((byte) => byte === 0)).toBe(true);
    await disk.close();
  });

  test('that is missing, a directory or a fifo is refused at once', async () => {
    expect(await refused({ file: join(d, 'gone') })).toMatchObject({
      error: { code: 'system', errno: 2 },
      said: [`Failed to open '${join(d, 'gone')}', errno = 2`],
    });
    expect((await refused({ file: d })).error).toMatchObject({ errno: 21 });
    expect((await refused({ file: '/dev/null' })).error).toMatchObject({ code: 'not-a-disk' });
  });
});
