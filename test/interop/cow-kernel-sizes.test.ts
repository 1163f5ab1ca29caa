/** COW files of several sizes and fillings that the real UML kernel made or filled, merged by both tools. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkCow, createCow, inspectImage, mergeToFile } from '../../src/lib/cow/index.ts';
import { makeHole, makeImage, sha256 } from '../lib/cow/images.ts';
import { startRealUml } from '../support/real-uml.ts';
import { runProgram, temporaryDirectory } from '../support/run.ts';

const HUGE = 8 * 2 ** 30;

/** The kernel writes the bitmap two words at a time: up to 32 KiB, which is one word, it writes to wrong places. */
const CASES = [
  { size: 65536, percent: 100 },
  { size: 1 << 20, percent: 0 },
  { size: (1 << 20) + 512, percent: 1 },
  { size: (3 << 20) + 1536, percent: 10 },
  { size: 5_000_003, percent: 50 },
  { size: HUGE, percent: 0 },
] as const;

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

test.each(['the kernel', 'us'])('made by %s', async (maker) => {
  const d = temporaryDirectory();
  const disks = CASES.map(({ size, percent }, i) => {
    const [cow, back] = [join(d, `cow${i}`), join(d, `back${i}`)];
    if (size === HUGE) makeHole(back, size);
    else makeImage(back, size);
    if (maker === 'us') createCow({ cow, backing: back });
    return { size, percent, cow, back, device: `ubd${'bcdefg'[i]}` };
  });
  const args = disks.map(({ device, cow, back }) => `${device}=${cow}${maker === 'us' ? '' : `,${back}`}`);
  const uml = await startRealUml({ args });
  const seen = new Map<string, string>();
  try {
    for (const { device, size, percent } of disks) {
      const pages = Math.ceil((size / 4096) * (percent / 100));
      if (pages > 0) {
        await uml.command(`dd if=/dev/urandom of=/dev/${device} bs=4096 count=${pages} conv=notrunc,fsync`);
      }
      if (size === HUGE) {
        for (const gigabytes of [0, 4, 7]) {
          await uml.command(
            `yes G${gigabytes} | dd of=/dev/${device} bs=4096 count=1 seek=${gigabytes * 262144} conv=fsync`,
          );
        }
      } else
        seen.set(device, await uml.command(`dd if=/dev/${device} bs=512 count=${Math.floor(size / 512)} | md5sum`));
    }
    await uml.command('sync');
  } finally {
    await uml.stop();
  }

  for (const { device, size, percent, cow, back } of disks) {
    const out = join(d, 'our.img');
    await mergeToFile({ cow, output: out });
    expect(statSync(out).size).toBe(size);
    if (size === HUGE) {
      const fd = openSync(out, 'r');
      for (const gigabytes of [0, 4, 7]) {
        const bytes = Buffer.alloc(4096);
        readSync(fd, bytes, 0, 4096, gigabytes * 2 ** 30);
        expect(bytes.toString('latin1', 0, 6)).toBe(`G${gigabytes}\nG${gigabytes}\n`);
      }
      closeSync(fd);
      expect(statSync(out).blocks).toBeLessThanOrEqual(8 * 8);
      continue;
    }
    const image = readFileSync(out);
    expect(seen.get(device)).toContain(md5(image.subarray(0, size - (size % 512))));
    expect(image.equals(readFileSync(back))).toBe(percent === 0);
    const dirty = inspectImage(cow).cow?.dirtySectors ?? 0;
    expect(dirty / (size / 512)).toBeGreaterThanOrEqual(percent / 100);
    // old programs leave memory behind the name; nothing else is ever wrong
    expect(checkCow({ cow }).filter(({ code }) => code !== 'dirty-name')).toEqual([]);
    if (size % 512 === 0) {
      expect(await runProgram('uml_moo', [cow, join(d, 'c.img')])).toMatchObject({ status: 0, stderr: '' });
      expect(sha256(join(d, 'c.img'))).toBe(sha256(out));
    }
  }
});
