import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { replaceProcess } from '../../../src/lib/os/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { spawnSource } from '../../support/source.ts';

const os = new URL('../../../src/lib/os/index.ts', import.meta.url);

test('another program takes over the pid, the standard streams and the descriptors it is given, and no others', async () => {
  const directory = temporaryDirectory();
  for (const name of ['kept', 'dropped']) writeFileSync(join(directory, name), name);
  const child = spawnSource(
    os,
    `import { openSync } from 'node:fs';
     const kept = openSync('${directory}/kept', 'r');
     const dropped = openSync('${directory}/dropped', 'r');
     const script = 'echo $$; cd /proc/$$/fd; readlink ' + kept + '; readlink ' + dropped + ' | grep -c dropped; exit 7';
     console.log('before');
     it.replaceProcess('/bin/sh', ['sh', '-c', script], [0, 1, 2, kept]);`,
  );
  expect(await child.exit()).toMatchObject({
    status: 7,
    stdout: `before\n${child.pid}\n${directory}/kept\n0\n`,
    stderr: '',
  });
});

test('the other program gets the environment that it is given, and the signals that Node ignores', async () => {
  const script = 'env; sed -n /^SigIgn/p /proc/$$/status';
  const child = spawnSource(
    os,
    `it.replaceProcess('/bin/sh', ['sh', '-c', '${script}'], [0, 1, 2], { PATH: '/bin:/usr/bin', A: 'b=c' });`,
  );
  const { stdout } = await child.exit();
  expect(stdout.split('\n').filter((line) => !/^(PWD|SHLVL|_)=/.test(line))).toEqual(
    expect.arrayContaining(['A=b=c', 'PATH=/bin:/usr/bin', 'SigIgn:\t0000000000000000']),
  );
  expect(stdout).not.toContain('HOME=');
});

test('a program that is not there leaves this one as it was', () => {
  expect(() => replaceProcess('/nowhere/program', ['program'], [])).toThrow(
    expect.objectContaining({ code: 'ENOENT', syscall: 'execve', path: '/nowhere/program' }),
  );
});
