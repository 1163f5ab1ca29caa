import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProgram, temporaryDirectory, toolScript } from '../support/run.ts';

const OUT_OF_REACH = `Trying to directly write 0xa0800000...Segv - GOOD
Trying to write 0xa0800000 via read...Returned EFAULT - GOOD
`;

/** Runs jailtest with a /dev of its own that holds null and these files, in a mount namespace. */
async function withDevices(...commands: string[]) {
  const cwd = temporaryDirectory();
  mkdirSync(join(cwd, 'dev'));
  writeFileSync(join(cwd, 'plain'), '');
  const script = [
    'mount -t tmpfs dev dev; for name in null urandom; do touch dev/$name; mount --bind /dev/$name dev/$name; done',
    ...commands,
    'mount --move dev /dev && exec "$0"',
  ].join('\n');
  return runProgram('unshare', ['--mount', 'sh', '-ec', script, toolScript('jailtest')], { cwd });
}

test('memory devices that are not there are out of reach too; nothing is left of the crash that is meant', async () => {
  expect(await withDevices()).toEqual({
    status: 0,
    signal: null,
    stdout: `${OUT_OF_REACH}Trying to open /dev/mem...Failed with ENOENT - GOOD\nTrying to open /dev/kmem...Failed with ENOENT - GOOD\n`,
    stderr: '',
  });
});

test('one that can be opened is bad, and the status says so', async () => {
  const { status, stdout } = await withDevices('touch dev/mem');
  expect([status, stdout]).toEqual([
    1,
    expect.stringMatching(/^Trying to open \/dev\/mem\.\.\.Didn't fail with EPERM \(fd = \d+, errno = 0\) - BAD!$/m),
  ]);
});

test('without a file to read from', async () => {
  const script = 'mount -t tmpfs none /etc && exec "$0"';
  const { status, stderr } = await runProgram('unshare', ['--mount', 'sh', '-c', script, toolScript('jailtest')]);
  expect([status, stderr]).toEqual([1, 'open: No such file or directory\n']);
});
