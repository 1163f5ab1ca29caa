/** Our COW tools beside the C ones: the same words and files, the same bytes. */
import { randomBytes } from 'node:crypto';
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mergeInPlace, mergeToFile } from '../../src/lib/cow/index.ts';
import { seekData, seekHole } from '../../src/lib/os/index.ts';
import { MTIME, makeCow, makeHole, makeImage, sha256 } from '../lib/cow/images.ts';
import { runProgram, runTool, temporaryDirectory } from '../support/run.ts';

const silent = { status: 0, signal: null, stdout: '', stderr: '' };
const SIZE = 3 << 20;

/** Bytes of a file that are no hole. */
function dataOf(file: string): number {
  const fd = openSync(file, 'r');
  let bytes = 0;
  for (let at = seekData(fd, 0); at !== undefined; ) {
    const end = seekHole(fd, at) ?? at;
    bytes += end - at;
    at = seekData(fd, end);
  }
  closeSync(fd);
  return bytes;
}

describe.each(['v1-le', 'v2', 'v3', 'v3-64'] as const)('%s', (layout) => {
  test.each([
    ['full', 0],
    ['full', 10],
    ['full', 100],
    ['sparse', 0],
    ['sparse', 10],
    ['sparse', 100],
  ] as const)('a %s backing file, %i/100 dirty', async (kind, percent) => {
    const d = temporaryDirectory();
    const at = (name: string) => join(d, name);
    // the C tool gets the last sectors of V1 and V2 files wrong unless they fill a byte of the bitmap
    const size = layout.startsWith('v3') ? SIZE + 2 * 512 : SIZE;
    if (kind === 'full') makeImage(at('back'), size);
    else makeHole(at('back'), size);
    const ours = new Map<number, Buffer>();
    for (let i = 0; i < size / 512; i++) {
      if (i % 10 < percent / 10) ours.set(i, i % 7 ? randomBytes(512) : Buffer.alloc(512));
    }
    makeCow(at('cow'), { layout, size, backing: at('back') }, ours);
    copyFileSync(at('back'), at('back2'));
    utimesSync(at('back2'), MTIME, MTIME);

    const recovering = 'read_cow_header - broken V3 file with 64-bit layout - recovering content.\n';
    const said = { ...silent, stdout: layout === 'v3-64' ? recovering : '' };
    expect(await runProgram('uml_moo', ['cow', 'c.img'], { cwd: d })).toEqual(said);
    expect(await runProgram('uml_moo', ['-d', '-b', 'back2', 'cow'], { cwd: d })).toEqual(said);
    const heard: string[] = [];
    await mergeToFile({ cow: at('cow'), output: at('our.img'), report: (message) => heard.push(`${message}\n`) });
    expect(heard.join('')).toBe(said.stdout);
    await mergeInPlace({ cow: at('cow') });
    const digest = sha256(at('c.img'));
    expect(['our.img', 'back', 'back2'].map((name) => sha256(at(name)))).toEqual([digest, digest, digest]);
    expect(dataOf(at('our.img'))).toBeLessThanOrEqual(dataOf(at('c.img')));
  });
});

test('uml_mkcow: the same file, but for what the C tool leaves behind the name', async () => {
  const d = temporaryDirectory();
  for (const size of [1 << 20, 1000, 0, 5 << 20]) {
    makeHole(join(d, 'back'), size);
    expect(await runProgram('uml_mkcow', [`c${size}`, 'back'], { cwd: d })).toEqual(silent);
    expect(await runTool('uml_mkcow', [`ours${size}`, 'back'], { cwd: d })).toEqual(silent);
    const [theirs, ours] = [readFileSync(join(d, `c${size}`)), readFileSync(join(d, `ours${size}`))];
    theirs.fill(0, 32 + join(d, 'back').length, 4128);
    expect(ours.equals(theirs)).toBe(true);
  }
});

/** Words whose outcome is no defect: status, stdout and stderr are the same to the byte. */
test.each([
  ['uml_moo', []],
  ['uml_moo', ['-h']],
  ['uml_moo', ['--help']],
  ['uml_moo', ['only']],
  ['uml_moo', ['a', 'b', 'c']],
  ['uml_moo', ['-db', 'back', 'cow']],
  ['uml_moo', ['--', 'cow', 'out']],
  ['uml_moo', ['-d', 'cow', 'out']],
  ['uml_moo', ['-z', 'cow', 'out']],
  ['uml_moo', ['nosuch', 'out']],
  ['uml_moo', ['back', 'out']],
  ['uml_moo', ['sub', 'out']],
  ['uml_moo', ['-b', 'nosuch', 'cow', 'out']],
  ['uml_moo', ['-b', 'small', 'cow', 'out']],
  ['uml_moo', ['-b', 'newer', 'cow', 'out']],
  ['uml_moo', ['-d', '-b', 'newer', 'cow']],
  ['uml_moo', ['cow', 'nodir/out']],
  ['uml_moo', ['cow', 'sub']],
  ['uml_moo', ['short20', 'out']],
  ['uml_moo', ['short4000', 'out']],
  ['uml_moo', ['version9', 'out']],
  ['uml_moo', ['empty', 'out']],
  ['uml_moo', ['cow', 'out']],
  ['uml_moo', ['-b', 'back', 'cow', 'out']],
  ['uml_mkcow', []],
  ['uml_mkcow', ['-h']],
  ['uml_mkcow', ['--help']],
  ['uml_mkcow', ['only']],
  ['uml_mkcow', ['-f', 'only']],
  ['uml_mkcow', ['cow', 'back']],
  ['uml_mkcow', ['cow', 'back', '-f']],
  ['uml_mkcow', ['nodir/cow', 'back']],
  ['uml_mkcow', ['sub', 'back']],
  ['uml_mkcow', ['-f', 'sub', 'back']],
  ['uml_mkcow', ['new', 'back', 'ignored']],
  ['uml_mkcow', ['new', '/dev/null']],
] as const)('%s %j says the same as the C tool', async (tool, args) => {
  const d = temporaryDirectory();
  const outcomes = [];
  for (const run of [runProgram, runTool]) {
    makeImage(join(d, 'back'), 1 << 20);
    makeImage(join(d, 'small'), 1 << 19);
    makeImage(join(d, 'newer'), 1 << 20);
    utimesSync(join(d, 'newer'), 1795448254, 1795448254);
    mkdirSync(join(d, 'sub'), { recursive: true });
    makeCow(
      join(d, 'cow'),
      { layout: 'v3', size: 1 << 20, backing: join(d, 'back') },
      new Map([[9, Buffer.alloc(512, 9)]]),
    );
    const bytes = readFileSync(join(d, 'cow'));
    writeFileSync(join(d, 'short20'), bytes.subarray(0, 20));
    writeFileSync(join(d, 'short4000'), bytes.subarray(0, 4000));
    writeFileSync(join(d, 'version9'), bytes.fill(9, 7, 8));
    closeSync(openSync(join(d, 'empty'), 'w'));
    outcomes.push(await run(tool, [...args], { cwd: d }));
    await runProgram('rm', ['-f', join(d, 'new'), join(d, 'out')]);
  }
  expect(outcomes[1]).toEqual(outcomes[0]);
});

describe('what the C tools get wrong', () => {
  test('the last sectors of V1 and V2 files, and the tail of an odd image', async () => {
    const d = temporaryDirectory();
    for (const [layout, size] of [
      ['v1-le', 9 * 512],
      ['v2', 9 * 512],
      ['v3', 8 * 512 + 100],
    ] as const) {
      const merged = makeImage(join(d, 'back'), size);
      const last = randomBytes(512);
      makeCow(join(d, 'cow'), { layout, size, backing: join(d, 'back') }, new Map([[8, last]]));
      last.copy(merged, 8 * 512);
      await runProgram('uml_moo', ['cow', 'c.img'], { cwd: d });
      expect(readFileSync(join(d, 'c.img')).equals(merged), 'the C tool is right?').toBe(false);
      expect(await runTool('uml_moo', ['cow', 'our.img'], { cwd: d })).toEqual(silent);
      expect(readFileSync(join(d, 'our.img')).equals(merged)).toBe(true);
    }
  });

  test('a block device as backing file and as output', async () => {
    const d = temporaryDirectory();
    const [image, target] = [join(d, 'image'), join(d, 'target')];
    const merged = makeImage(image, 1 << 20);
    writeFileSync(target, randomBytes(2 << 20));
    const loop = await attach(image);
    const other = await attach(target);
    try {
      expect(await runTool('uml_mkcow', ['cow', loop.device], { cwd: d })).toEqual(silent);
      expect(await runTool('uml_moo', ['cow', other.device], { cwd: d })).toEqual(silent);
      expect(
        readFileSync(other.device)
          .subarray(0, 1 << 20)
          .equals(merged),
      ).toBe(true);
      expect(await runTool('uml_moo', ['cow', loop.device], { cwd: d })).toMatchObject({
        status: 1,
        stderr: `Output file open: "${loop.device}" is the same file as the backing file "${loop.device}"\n`,
      });
    } finally {
      await loop.detach();
      await other.detach();
    }
  });
});

async function attach(file: string) {
  const { stdout, stderr } = await runProgram('losetup', ['--find', '--show', file]);
  if (!stdout) throw new Error(stderr);
  const device = stdout.trim();
  return { device, detach: () => runProgram('losetup', ['--detach', device]) };
}
