import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bind, closeFd, pathAddress, receive, unixSocket, unixSocketPair } from '../../src/lib/os/index.ts';
import { runProgram, runTool, spawnProgram, spawnTool, temporaryDirectory, toolScript } from '../support/run.ts';

const USAGE = 'Usage : uml_watchdog [--timeout SECONDS] -pid PID | -mconsole SOCKET\n';
const failure = (stderr: string, stdout = '') => ({ status: 1, signal: null, stdout, stderr });

test('wrong words: status 1 as the C tool, and the usage', async () => {
  const wrong = [
    [],
    ['-pid'],
    ['-h'],
    ['-mconsole'],
    ['-pid', 'x'],
    ['-pid', '0'],
    ['-pid', '-1'],
    ['-pid', '1x'],
    ['-pid', '08'],
  ];
  const times = [['--timeout'], ['--timeout', '0', '-pid', '1'], ['--timeout', 'x', '-pid', '1']];
  await Promise.all(
    [...wrong, ...times].map(async (words) => {
      expect(await runTool('uml_watchdog', words)).toEqual(failure(USAGE));
    }),
  );
  const { status, stdout } = await runTool('uml_watchdog', ['--help']);
  expect([status, stdout.startsWith(USAGE)]).toEqual([0, true]);
});

test('says with a byte that it watches; the end of the input is the end', async () => {
  const peace = { status: 0, signal: null, stdout: '\0', stderr: '' };
  expect(await runTool('uml_watchdog', ['-mconsole', 'sock'])).toEqual(peace);
  for (const pid of [`0x${process.pid.toString(16)}`, ` 0${process.pid.toString(8)}`]) {
    expect(await runTool('uml_watchdog', ['-pid', pid], { stdin: '\n\n\n' })).toEqual(peace);
  }
});

test('a process that is not there is no reason for the sign of readiness, nor for a byte that is taken for one', async () => {
  const gone = spawnProgram('true', []);
  await gone.exit();
  expect(await runTool('uml_watchdog', ['-pid', String(gone.pid)])).toEqual(
    failure(`uml_watchdog: there is no process ${gone.pid} that it may signal\n`),
  );
  const script = `"$0" -pid ${gone.pid} 2>&1 | wc -c`;
  expect((await runProgram('sh', ['-c', script, toolScript('uml_watchdog')])).stdout).toBe('0\n');
});

test('a guest that is silent for too long: SIGINT', async () => {
  const victim = spawnProgram('sleep', ['1000']);
  const watchdog = spawnTool('uml_watchdog', ['--timeout', '0.3', '-pid', String(victim.pid)]);
  expect(await watchdog.exit()).toEqual(failure('', '\0'));
  expect(await victim.exit()).toMatchObject({ signal: 'SIGINT' });
});

test('or a notification, laid out as those of the kernel', async () => {
  const path = join(temporaryDirectory(), 'notify');
  const fd = unixSocket('dgram');
  bind(fd, pathAddress(path));
  try {
    const watchdog = spawnTool('uml_watchdog', ['--timeout', '0.3', '-mconsole', path]);
    expect(await watchdog.exit()).toEqual(failure('', '\0'));
    const buffer = Buffer.alloc(100);
    expect(receive(fd, buffer)?.length).toBe(16);
    expect(buffer.toString('hex', 0, 16)).toBe('bebafeca020000000200000000000000');
  } finally {
    closeFd(fd);
  }
});

test('nobody who could be notified', async () => {
  const missing = join(temporaryDirectory(), 'notify');
  const words = ['--timeout', '0.1', '-mconsole'];
  expect(await spawnTool('uml_watchdog', [...words, missing]).exit()).toEqual(
    failure('sendto: No such file or directory\n', '\0'),
  );
  mkdirSync(missing);
  expect(await spawnTool('uml_watchdog', [...words, missing]).exit()).toEqual(
    failure('sendto: Connection refused\n', '\0'),
  );
});

test('where nobody can hear that it watches, it does not', async () => {
  const [listener, output] = unixSocketPair('stream');
  closeFd(listener);
  for (const [stdout, outcome] of [
    [openSync('/dev/full', 'w'), failure('uml_watchdog: No space left on device\n')],
    [output, { ...failure(''), status: 141 }], // as a shell tells of SIGPIPE
  ] as const) {
    expect(await spawnTool('uml_watchdog', ['-mconsole', 'sock'], { stdout }).exit()).toEqual(outcome); // its input is open
    closeFd(stdout);
  }
});
