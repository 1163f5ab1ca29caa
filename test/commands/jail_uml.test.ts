import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { asNobody } from '../support/nobody.ts';
import { runProgram, runTool, temporaryDirectory, toolScript } from '../support/run.ts';

/** A jail with nothing but a static busybox in it. */
let jail: string;
beforeAll(() => {
  jail = temporaryDirectory();
  chmodSync(jail, 0o755);
  mkdirSync(join(jail, 'bin'));
  copyFileSync('/bin/busybox', join(jail, 'bin/sh'));
});

const USAGE = `Usage : jail_uml jail-directory user uml-command-line ...
    or: jail_uml jail-directory uid uml-command-line ...

If the user is not found, it's assumed to be a uid.
`;
const failure = (stderr: string) => ({ status: 1, signal: null, stdout: '', stderr });
const run = (...words: string[]) => runTool('jail_uml', words);
const inJail = async (user: string, script: string, ...options: string[]) => {
  const { status, stdout, stderr } = await run(...options, jail, user, '/bin/sh', '-c', script);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
};

test('a uid that nobody has: its own group, no other one, in the root directory', async () => {
  expect(await inJail('3999999999', 'id; pwd; ls /')).toBe('uid=3999999999 gid=3999999999\n/\nbin\n');
});

test('a user that the host knows, by name or uid, with its supplementary groups', async () => {
  const etc = temporaryDirectory();
  writeFileSync(join(etc, 'passwd'), 'root:x:0:0::/:/bin/sh\ninmate:x:4242:4343::/:/bin/sh\n');
  writeFileSync(join(etc, 'group'), 'inmates:x:4343:\ncrowd:x:4444:inmate\nothers:x:4445:root\n');
  const script = `mount --bind ${etc}/passwd /etc/passwd && mount --bind ${etc}/group /etc/group && exec "$@"`;
  for (const user of ['inmate', '4242']) {
    const command = [toolScript('jail_uml'), jail, user, '/bin/sh', '-c', 'id'];
    expect(await runProgram('unshare', ['--mount', 'sh', '-c', script, 'sh', ...command])).toMatchObject({
      status: 0,
      stdout: 'uid=4242 gid=4343 groups=4343,4444\n',
    });
  }
});

test('no way back to root', async () => {
  const { status, stderr } = await run(jail, 'nobody', '/bin/sh', '-c', 'exec chroot / id');
  expect([status, stderr]).toEqual([1, expect.stringContaining('Operation not permitted')]);
});

test('privileges that outlast the change of user are noticed, and nothing is run', async () => {
  const command = [toolScript('jail_uml'), jail, 'nobody', '/bin/sh', '-c', 'echo run'];
  expect(await runProgram('setpriv', ['--securebits=+no_setuid_fixup', ...command])).toEqual(
    failure('jail_uml: this process could still become root\n'),
  );
});

test('nothing of the environment but what a program needs, and what is asked for', async () => {
  const variables = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .filter((line) => !/^(PWD|SHLVL|_|OLDPWD)=/.test(line))
      .sort();
  process.env.SECRET = 'of the caller';
  const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const term = process.env.TERM === undefined ? [] : [`TERM=${process.env.TERM}`];
  expect(variables(await inJail('nobody', 'env'))).toEqual(
    ['HOME=/', 'LOGNAME=nobody', PATH, ...term, 'USER=nobody'].sort(),
  );
  const asked = ['--env', 'SECRET', '--env', 'HOME=/a=b', '--env', 'NOT_THERE'];
  const given = variables(await inJail('3999999999', 'env', ...asked));
  expect(given).toEqual(['HOME=/a=b', PATH, 'SECRET=of the caller', ...term].sort());
});

test('no open file but the standard ones, and those that are asked for', async () => {
  mkdirSync(join(jail, 'proc'));
  const script = 'mount -t proc proc "$0/proc"; exec 7</dev/null 90</dev/null; exec "$@"';
  const files = async (...options: string[]) => {
    const command = [toolScript('jail_uml'), ...options, jail, 'nobody', '/bin/sh', '-c', 'echo /proc/self/fd/*'];
    const { stdout } = await runProgram('unshare', ['--mount', 'bash', '-c', script, jail, ...command]);
    return stdout.trim().replaceAll('/proc/self/fd/', '').split(' ').map(Number);
  };
  expect((await files()).filter((fd) => fd !== 3)).toEqual([0, 1, 2]); // 3 is the listing itself
  expect((await files('--keep-fd', '90')).filter((fd) => fd !== 3)).toEqual([0, 1, 2, 90]);
});

test('messages of the C tool', async () => {
  expect(await run()).toEqual(failure(USAGE));
  expect(await run('/tmp')).toEqual(failure(USAGE));
  expect(await run('--help')).toEqual(failure(USAGE));
  expect(await run(jail, 'no-such-user', '/bin/sh')).toEqual(failure(USAGE));
  expect(await run('/nonexistent', 'nobody', 'true')).toEqual(failure('chdir: No such file or directory\n'));
  expect(await run(jail, 'nobody', '/bin/nosuch')).toEqual(
    failure('execve of /bin/nosuch failed : No such file or directory\n'),
  );
  const [file, ...words] = asNobody(toolScript('jail_uml'), jail, 'nobody', '/bin/sh');
  expect(await runProgram(file, words)).toEqual(failure('jail_uml must be run as root\n'));
});

test('no command, an option that it does not have', async () => {
  expect(await run(jail, 'nobody')).toEqual(failure(`jail_uml: there is no command to run in '${jail}'\n`));
  expect(await run('--keep-fd', 'x', jail, 'nobody', '/bin/sh')).toEqual(failure(USAGE));
  expect(await run('--keep-fd', '777', jail, 'nobody', '/bin/sh')).toEqual(
    failure('jail_uml: descriptor 777 is not open\n'),
  );
  expect(await run('--other', jail, 'nobody', '/bin/sh')).toEqual(failure(USAGE));
});

test('without /proc the open files can not be found, so nothing is run', async () => {
  const command = [toolScript('jail_uml'), jail, 'nobody', '/bin/sh', '-c', 'echo run'];
  expect(await runProgram('unshare', ['--mount', 'sh', '-c', 'umount -l /proc && exec "$0" "$@"', ...command])).toEqual(
    failure('jail_uml: /proc is needed, to tell which files are open: No such file or directory\n'),
  );
});

test('words that are no UTF-8 are refused, not changed', async () => {
  const script = `"$0" ${jail} nobody /bin/sh -c "$(printf 'echo \\377')"; X="$(printf '\\377')" "$0" --env X ${jail} nobody /bin/sh`;
  const line = (word: string) => `jail_uml: '${word}' can't be passed on: it must be UTF-8\n`;
  expect(await runProgram('sh', ['-c', script, toolScript('jail_uml')])).toEqual(
    failure(line('echo \ufffd') + line('\ufffd')),
  );
});

test('a program whose loader or interpreter is missing in the jail is told apart from one that is missing', async () => {
  copyFileSync('/bin/ls', join(jail, 'bin/ls'));
  const { status, stderr } = await run(jail, 'nobody', '/bin/ls');
  expect([status, stderr.split('\n')]).toEqual([
    1,
    [
      'execve of /bin/ls failed : No such file or directory',
      expect.stringMatching(/^jail_uml: \/bin\/ls needs \/lib\S*\/ld-linux\S+, which is not in the jail$/),
      '',
    ],
  ]);
});
