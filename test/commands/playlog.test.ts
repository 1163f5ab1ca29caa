import { appendFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TtyRecord } from '../../src/lib/tty-log/index.ts';
import { logOf, SESSION, writeLog } from '../lib/tty-log/records.ts';
import { runProgram, runTool, spawnTool, temporaryDirectory, toolScript } from '../support/run.ts';

const log = () => writeLog(join(temporaryDirectory(), 'log'));
const outcome = (stdout: string, status = 0, stderr = '') => ({ status, signal: null, stdout, stderr });

test('shows the output of one tty; with -a what was typed too, with -e the commands', async () => {
  const file = log();
  expect(await runTool('playlog', [file, '16'])).toEqual(outcome('login: root\r\n'));
  expect(await runTool('playlog', ['-n', file, '0x20'])).toEqual(outcome('second\n'));
  expect(await runTool('playlog', ['-n', '-a', file, '16'])).toEqual(outcome('login: root\rroot\r\n'));
  expect(await runTool('playlog', ['-e', '-n', file, '16'])).toEqual(outcome('/bin/sh -c ls -l\n'));
  expect(await runTool('playlog', ['-e', file])).toEqual(outcome('/bin/sh -c ls -l\n/usr/sbin/cron\n'));
});

test('the tty of the only session is taken, those of several are told', async () => {
  const file = log();
  expect(await runTool('playlog', ['-n', file])).toEqual(
    outcome('tty output(s) need a tty id to follow\nYou have the following ttys to choose from:\n16 32\n'),
  );
  const one = SESSION.filter(({ op, tty }) => op !== 'open' || tty !== 0x20);
  expect(await runTool('playlog', ['-n', writeLog(file, one)])).toEqual(outcome('login: root\r\n'));
});

test('keeps the timing of the log, unless -n', async () => {
  const hour = 3600e6;
  const later = SESSION.map((record, index) => ({ ...record, time: record.time + (index > 1 ? hour : 0) }));
  const file = writeLog(join(temporaryDirectory(), 'log'), later);
  const timed = spawnTool('playlog', [file, '16']);
  const quiet = SESSION.slice(0, 2).concat(later.slice(-1)); // ends an hour after all was shown
  const ending = spawnTool('playlog', [writeLog(join(temporaryDirectory(), 'log'), quiet)]);
  await Promise.all([timed.waitFor('login: '), ending.waitFor('login: ')]);
  expect(await runTool('playlog', ['-n', file, '16'])).toEqual(outcome('login: root\r\n'));
  for (const player of [timed, ending]) {
    expect(await player.kill()).toMatchObject({ signal: 'SIGTERM', stdout: 'login: ' });
  }
});

test('-f shows what the log gets, until it is ended', async () => {
  const file = writeLog(join(temporaryDirectory(), 'log'), SESSION.slice(0, 2));
  const child = spawnTool('playlog', ['-f', '-n', file]);
  await child.waitFor('login: ');
  const more = logOf(SESSION.slice(2));
  appendFileSync(file, more.subarray(0, 50));
  appendFileSync(file, more.subarray(50));
  await child.waitFor('root');
  expect(await child.kill()).toMatchObject({ signal: 'SIGTERM', stdout: 'login: root\r\n', stderr: '' });
});

test('a cut log is shown as far as it goes', async () => {
  const file = log();
  truncateSync(file, logOf(SESSION).length - 1);
  const { status, stdout, stderr } = await runTool('playlog', ['-n', file, '16']);
  expect([status, stdout]).toEqual([1, 'login: root\r\n']);
  expect(stderr).toMatch(/^\S+\/log: it ends in the middle of a record: 23 bytes of 24 are there from byte \d+ on\n$/);
});

test('wrong words', async () => {
  const usage = await runTool('playlog', []);
  expect(usage).toMatchObject({ status: 1, stderr: '' });
  expect(usage.stdout).toMatch(/^Usage : playlog \[ options \] log-file \[tty-id\]\n\t-f - follow the log/);
  expect(await runTool('playlog', ['a', '1', '2'])).toEqual(usage);
  expect(await runTool('playlog', ['-x', 'a'])).toEqual(outcome('', 1, 'playlog: there is no option -x\n'));
  expect(await runTool('playlog', ['a', 'b'])).toEqual(outcome('', 1, "playlog: 'b' is no tty id\n"));
  expect(await runTool('playlog', ['-d', 'db=uml', 'a'])).toEqual(
    outcome('', 1, 'playlog: -d, which wrote into a MySQL database, is not supported; uml ttylog prints logs\n'),
  );
  expect(await runTool('playlog', ['nosuch'])).toEqual(
    outcome('', 2, "Couldn't open nosuch : No such file or directory\n"),
  );
});

test('a reader that leaves, and an output that is full, are not the fault of the log', async () => {
  const screenful: TtyRecord = { op: 'write', tty: 0x10, time: 0, data: Buffer.alloc(100_000, 'x') };
  const file = writeLog(join(temporaryDirectory(), 'log'), [...SESSION.slice(0, 1), ...Array(9).fill(screenful)]);
  const script = `"$0" -n ${file} | head -c 1; echo " \${PIPESTATUS[0]}"; "$0" -n ${file} >/dev/full; echo $?`;
  expect(await runProgram('bash', ['-c', script, toolScript('playlog')])).toEqual(
    outcome('x 141\n1\n', 0, 'uml: ENOSPC: no space left on device, write\n'),
  );
});
