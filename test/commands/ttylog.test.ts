import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SESSION, writeLog } from '../lib/tty-log/records.ts';
import { runProgram, runTool, temporaryDirectory, toolScript } from '../support/run.ts';

const log = () => writeLog(join(temporaryDirectory(), 'log'));

const TEXT = `Opening new tty 0x10 from tty 0x0
Write to tty 0x10 - 'login: '
Read from tty 0x10 - 'root\r'
Write to tty 0x10 - 'root\r
'
Exec on tty 0x10 - '/bin/sh -c ls -l'
Exec on tty 0x0 - '/usr/sbin/cron'
Opening new tty 0x20 from tty 0x20
Write to tty 0x20 - 'second
'
Opening new tty 0x30 from tty 0x20
Closing tty 0x10
`;

test('prints a log as tty_log.pl, and its execs', async () => {
  expect(await runTool('ttylog', [log()])).toEqual({ status: 0, signal: null, stdout: TEXT, stderr: '' });
  expect((await runTool('tty_log.pl', [log()])).stdout).toBe(TEXT);
  expect((await runTool('ttylog', ['--tty', '0x30', log()])).stdout).toBe('Opening new tty 0x30 from tty 0x20\n');
});

test('makes an asciicast of one tty, without what was typed unless asked', async () => {
  const args = ['--asciicast', '--tty', '16', log()];
  const header = '{"version":2,"width":80,"height":24,"timestamp":1700000000}';
  expect(await runTool('ttylog', args)).toEqual({
    status: 0,
    signal: null,
    stdout: `${header}\n[0.02,"o","login: "]\n[0.04,"o","root\\r\\n"]\n`,
    stderr: '',
  });
  expect((await runTool('ttylog', ['--input', '--size', '132x43', ...args])).stdout).toBe(
    '{"version":2,"width":132,"height":43,"timestamp":1700000000}\n' +
      '[0.02,"o","login: "]\n[0.04,"i","root\\r"]\n[0.04,"o","root\\r\\n"]\n',
  );
});

test('a cast needs a choice where there are several ttys', async () => {
  const file = log();
  expect(await runTool('ttylog', ['--asciicast', file])).toEqual({
    status: 1,
    signal: null,
    stdout: '',
    stderr: `uml ttylog: ${file} has several ttys; --tty takes one of 0x10 0x20\n`,
  });
  const one = writeLog(file, SESSION.slice(0, 2));
  expect((await runTool('ttylog', ['--asciicast', one])).stdout).toMatch(/^\{.*\}\n\[0\.02,"o","login: "\]\n$/);
});

test('reads a log from a pipe', async () => {
  const file = writeLog(join(temporaryDirectory(), 'log'), SESSION.slice(0, 2));
  const script = `cat ${file} | "$0" /dev/stdin; cat ${file} | "$0" --asciicast /dev/stdin; cat ${file} | "$1" -n /dev/stdin`;
  expect(await runProgram('sh', ['-c', script, toolScript('ttylog'), toolScript('playlog')])).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^Opening .*\nWrite .*\n\{.*\}\n\[0\.02,"o","login: "\]\nlogin: $/),
    stderr: '',
  });
});

test('a cut log, a file that is no log, one that is not there, wrong words', async () => {
  const file = log();
  truncateSync(file, 30);
  expect(await runTool('ttylog', [file])).toMatchObject({
    status: 1,
    stdout: 'Opening new tty 0x10 from tty 0x0\n',
    stderr: `${file}: it ends in the middle of a record: 2 bytes of 24 are there from byte 28 on\n`,
  });
  expect(await runTool('ttylog', [process.execPath])).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/: there is no record at byte 0: operation \d+\n$/),
  });
  expect(await runTool('ttylog', ['nosuch'])).toMatchObject({
    status: 2,
    stderr: "Couldn't open nosuch : No such file or directory\n",
  });
  for (const words of [[], ['a', 'b'], ['--size', 'x', 'a'], ['--tty', 'x', 'a'], ['-x', 'a'], ['a', '--tty']]) {
    const { status, stdout, stderr } = await runTool('ttylog', words);
    expect([status, stdout, stderr.split('\n')[0]]).toEqual([1, '', 'Usage : uml ttylog [--tty ID] log-file']);
  }
});
