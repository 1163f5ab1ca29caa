import { createHash } from 'node:crypto';
import { createReadStream, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { demoRoot, startOurUml } from '../support/our-uml.ts';
import { startRealUml } from '../support/real-uml.ts';
import { runProgram, runTool, temporaryDirectory } from '../support/run.ts';

const TIMEOUT = 240_000;

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function expectSameMerge(directory: string, cow: string): Promise<string> {
  const [ours, theirs] = [join(directory, 'ours'), join(directory, 'theirs')];
  expect((await runTool('uml_moo', [cow, ours])).status).toBe(0);
  expect((await runProgram('/usr/bin/uml_moo', [cow, theirs])).status).toBe(0);
  expect(await sha256(ours)).toBe(await sha256(theirs));
  return ours;
}

test.concurrent(
  'a COW file that our linux wrote is read by the real kernel, and merged alike by both tools',
  async ({ onTestFinished }) => {
    const ours = await startOurUml();
    await ours.command('head -c 5000000 /dev/urandom > /root/random; echo from ours > /root/text; sync');
    const sum = await ours.command('md5sum < /root/random');
    await ours.powerOff();

    const real = await startRealUml({ args: [`ubdb=${ours.cow}`] });
    onTestFinished(() => real.stop());
    await real.command('mkdir -p /mnt && mount -t ext4 -o ro /dev/ubdb /mnt');
    expect(await real.command('cat /mnt/root/text')).toBe('from ours\n');
    expect(await real.command('md5sum < /mnt/root/random')).toBe(sum);
    await real.command('umount /mnt');
    await real.stop();

    const merged = await expectSameMerge(ours.home, ours.cow);
    const again = await startOurUml({ ubda: merged });
    expect(await again.command('cat /root/text')).toBe('from ours\n');
    await again.powerOff();
  },
  TIMEOUT,
);

test.concurrent(
  'a COW file that the real kernel wrote is read by our linux, and merged alike by both tools',
  async ({ onTestFinished }) => {
    const directory = temporaryDirectory();
    const [base, cow] = [join(directory, 'base'), join(directory, 'cow')];
    writeFileSync(base, '');
    truncateSync(base, 64 << 20);
    await runProgram('/sbin/mkfs.ext4', ['-q', base]);
    const real = await startRealUml({ args: [`ubdb=${cow},${base}`] });
    onTestFinished(() => real.stop());
    await real.command('mkdir -p /mnt && mount -t ext4 /dev/ubdb /mnt && head -c 5000000 /dev/urandom > /mnt/random');
    const sum = await real.command('md5sum < /mnt/random');
    await real.command('umount /mnt && sync');
    await real.stop();

    const ours = await startOurUml({ args: [`ubdb=${cow}`] });
    await ours.command('mkdir -p /mnt && mount -t ext4 /dev/ubdb /mnt');
    expect(await ours.command('md5sum < /mnt/random')).toBe(sum);
    await ours.command('echo both > /mnt/text && umount /mnt');
    await ours.powerOff();
    await expectSameMerge(directory, cow);
  },
  TIMEOUT,
);

test.concurrent(
  'both hold the same locks: neither takes what the other has open',
  async ({ onTestFinished }) => {
    const ours = await startOurUml();
    const real = await startRealUml({ args: [`ubdb=${ours.cow}`] });
    onTestFinished(() => real.stop());
    expect(real.output).toContain(`F_SETLK failed, file already locked by pid ${ours.child.pid}`);
    expect(await real.command('head -c 1 /dev/ubdb || true')).not.toBe('');
    const second = await runTool('uml_mconsole', [ours.umid, 'config', `ubdb=${real.cow}`], {
      env: { HOME: ours.home },
    });
    expect(second.stdout).toBe(`ERR Can't open "${real.cow}": errno = 11\n`);
    expect(await ours.command('dmesg | grep F_SETLK')).toContain('file already locked by pid');
    // Two COW files over one backing file are fine.
    expect(
      (
        await runTool('uml_mconsole', [real.umid, 'config', `ubdc=${real.home}/o.cow,${demoRoot()}`], {
          env: { HOME: real.home },
        })
      ).stdout,
    ).toBe('OK \n');
    await ours.powerOff();
  },
  TIMEOUT,
);
