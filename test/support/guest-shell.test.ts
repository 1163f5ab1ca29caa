import { expect, test } from 'vitest';
import { GuestShell } from '../../scripts/support/guest-shell.ts';
import { spawnProgram } from './run.ts';

test('logs in although the first password is thrown away, and runs commands', async () => {
  const console = spawnProgram('/bin/sh', [
    '-c',
    `printf 'usermode login: '; read name
     printf 'Password: '; read lost; read password
     [ "$name $password" = 'root root' ] && printf 'UML# '
     { echo 'dmesg() { :; }'; cat; } | sh`, // the guest's dmesg, not this machine's
  ]);
  const shell = new GuestShell(console);
  await shell.login();
  expect(await shell.run('echo one; echo two >&2')).toBe('one\ntwo\n');
  await expect(shell.run('echo why; exit 3')).rejects.toThrow("'echo why; exit 3' ended with status 3: why");
});
