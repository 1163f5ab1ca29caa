import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDisk } from '../../../src/lib/cow/index.ts';
import { root, spawnProgram, temporaryDirectory } from '../../support/run.ts';
import { makeHole } from './images.ts';

const SECTORS = 2048;

test('SIGKILL at any moment: what was flushed is there, what was not is old or new', async () => {
  const d = temporaryDirectory();
  makeHole(join(d, 'image'), SECTORS * 512);
  for (let round = 0; round < 8; round++) {
    const spec = { file: join(d, `cow${round}`), backing: join(d, 'image') };
    const program = join(root, 'test/lib/cow/child.ts');
    const child = spawnProgram(process.execPath, ['--import', 'tsx', program, 'write', JSON.stringify(spec)]);
    await child.waitFor(new RegExp(`w ${randomInt(1, 400)} `));
    child.kill('SIGKILL');
    const { stdout } = await child.exit();

    const allowed: Set<number>[] = Array.from({ length: SECTORS }, () => new Set([0]));
    for (const line of stdout.split('\n').filter((text) => text !== '')) {
      const [what, version, first, length] = line.split(' ').map((word, i) => (i ? Number(word) : word)) as [
        string,
        number,
        number,
        number,
      ];
      if (what === 'w') for (let i = first; i < first + length; i++) allowed[i]!.add(version);
      // a flush covers the writes before it: of each sector only the last of them is left
      if (what === 'f') for (const [i, versions] of allowed.entries()) allowed[i] = new Set([Math.max(...versions)]);
    }
    const disk = await openDisk({ file: spec.file }, () => {});
    const bytes = new Uint8Array(SECTORS * 512);
    await disk.read(0, bytes);
    await disk.close();
    const words = new Uint32Array(bytes.buffer);
    for (const [i, versions] of allowed.entries()) {
      expect(versions.has(words[i * 128]!), `sector ${i} shows ${words[i * 128]}, not ${[...versions]}`).toBe(true);
      expect(words.subarray(i * 128, i * 128 + 128).every((word) => word === words[i * 128])).toBe(true);
    }
  }
});
