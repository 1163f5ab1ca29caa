/** COW files between the real UML kernel, the C tool and ours. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createCow, mergeInPlace, mergeToFile, openDisk } from '../../src/lib/cow/index.ts';
import { makeImage, sha256 } from '../lib/cow/images.ts';
import { startRealUml } from '../support/real-uml.ts';
import { runProgram, temporaryDirectory } from '../support/run.ts';

const SIZE = 4 << 20;

test('the kernel and we read and write one COW file in turn, and it merges the same by both tools', async () => {
  const d = temporaryDirectory();
  const [image, made, ours] = [join(d, 'image'), join(d, 'made'), join(d, 'ours')];
  const model = makeImage(image, SIZE);

  // ours: created and written here, read and written by the kernel; made: created by the kernel
  const oursModel = Buffer.from(model);
  createCow({ cow: ours, backing: image });
  const disk = await openDisk({ file: ours }, () => {});
  for (const [sector, length] of [
    [0, 1],
    [9, 30],
    [1000, 64],
    [8191, 1],
  ] as const) {
    const data = randomBytes(length * 512);
    data.copy(oursModel, sector * 512);
    await disk.write(sector * 512, data);
  }
  await disk.close();

  const uml = await startRealUml({ args: [`ubdb=${made},${image}`, `ubdc=${ours}`] });
  try {
    const md5 = createHash('md5').update(oursModel).digest('hex');
    expect(await uml.command('md5sum /dev/ubdc')).toContain(md5);
    expect(uml.output).toContain(`Creating "${made}" as COW file for "${image}"`);
    for (const device of ['ubdb', 'ubdc']) {
      await uml.command(`yes LABDATA | dd of=/dev/${device} bs=512 seek=10 count=2 conv=fsync`);
      await uml.command(`yes END | dd of=/dev/${device} bs=512 seek=8191 count=1 conv=fsync`);
      await uml.command(`yes MID | dd of=/dev/${device} bs=4096 seek=512 count=30 conv=fsync`);
    }
    // it holds its lock while the device is open
    await uml.command('sleep 1000 </dev/ubdb >/dev/null 2>&1 &');
    await expect.poll(() => uml.command('ls -l /proc/*/fd || true')).toContain('/dev/ubdb');
    const locked = { code: 'locked', details: { pid: uml.pid } };
    await expect(openDisk({ file: made }, () => {})).rejects.toMatchObject(locked);
    await expect(mergeInPlace({ cow: made })).rejects.toMatchObject(locked);
    await expect(mergeToFile({ cow: made, output: join(d, 'out') })).rejects.toMatchObject(locked);
    await uml.command('kill %1; sync');
  } finally {
    await uml.stop();
  }

  for (const cow of [made, ours]) {
    const again = await openDisk({ file: cow }, () => {});
    const bytes = Buffer.alloc(SIZE);
    await again.read(0, bytes);
    await again.close();
    expect(bytes.subarray(10 * 512, 11 * 512).toString()).toBe('LABDATA\n'.repeat(64));
    expect(
      bytes
        .subarray(1 << 20, (1 << 20) + 512)
        .equals((cow === ours ? oursModel : model).subarray(1 << 20, (1 << 20) + 512)),
    ).toBe(true);

    const [byC, byUs] = [join(d, 'c.img'), join(d, 'our.img')];
    expect(await runProgram('uml_moo', [cow, byC])).toMatchObject({ status: 0, stderr: '' });
    await mergeToFile({ cow, output: byUs });
    expect(sha256(byUs)).toBe(sha256(byC));
    expect(readFileSync(byUs).equals(bytes)).toBe(true);
  }
  const byC = sha256(join(d, 'c.img'));
  expect(await mergeInPlace({ cow: ours })).toEqual({ merged: true, rebased: true });
  expect(sha256(image)).toBe(byC);

  // the emptied COW file is good for the kernel, the other one is refused
  const after = await startRealUml({ args: [`ubdb=${ours}`, `ubdc=${made}`] });
  try {
    expect(await after.command('md5sum /dev/ubdb')).toContain(
      createHash('md5')
        .update(readFileSync(join(d, 'c.img')))
        .digest('hex'),
    );
    await expect(after.command('dd if=/dev/ubdc of=/dev/null count=1')).rejects.toThrow();
    expect(after.output).toContain('of COW header vs backing file');
  } finally {
    await after.stop();
  }
});

test('a real instance with our COW file as its root boots from it', async () => {
  const d = temporaryDirectory();
  const first = await startRealUml();
  const image = /Creating "[^"]*" as COW file for "([^"]*)"/.exec(first.output)?.[1] ?? '';
  await first.stop();
  createCow({ cow: join(d, 'root.cow'), backing: image });
  const uml = await startRealUml({ ubda: join(d, 'root.cow') });
  try {
    await uml.command('echo kept > /root/note; sync');
  } finally {
    await uml.stop();
  }
  await mergeToFile({ cow: join(d, 'root.cow'), output: join(d, 'merged') });
  expect((await runProgram('debugfs', ['-R', 'cat /root/note', join(d, 'merged')])).stdout).toBe('kept\n');
  expect((await runProgram('e2fsck', ['-fn', join(d, 'merged')])).status).toBe(0);
});
