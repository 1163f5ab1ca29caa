import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { replaceProcess } from '../../../src/lib/os/index.ts';
import { spawnProgram, temporaryDirectory } from '../../support/run.ts';
import { sourceCommand, spawnSource } from '../../support/source.ts';

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

test('the other program gets the environment that it is given, and the signals that Node ignores or blocks', async () => {
  // by exec: while it waits for a program, the shell blocks signals itself for a moment
  const script = 'env; exec sed -n /^Sig[BI]/p /proc/self/status';
  const [node, ...words] = sourceCommand(
    os,
    `it.replaceProcess('/bin/sh', ['sh', '-c', '${script}'], [0, 1, 2], { PATH: '/bin:/usr/bin', A: 'b=c' });`,
  );
  const child = spawnProgram(node, ['--disable-sigusr1', ...words]); // as the binary is made; it blocks the signal
  const { stdout } = await child.exit();
  expect(stdout.split('\n').filter((line) => !/^(PWD|SHLVL|_)=/.test(line))).toEqual(
    expect.arrayContaining(['A=b=c', 'PATH=/bin:/usr/bin', 'SigBlk:\t0000000000000000', 'SigIgn:\t0000000000000000']),
  );
  expect(stdout).not.toContain('HOME=');
});

test('a program that is not there leaves this one as it was', () => {
  expect(() => replaceProcess('/nowhere/program', ['program'], [])).toThrow(
    expect.objectContaining({ code: 'ENOENT', syscall: 'execve', path: '/nowhere/program' }),
  );
});
