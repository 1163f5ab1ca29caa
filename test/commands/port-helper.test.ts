import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  bind,
  closeFd,
  type MessageWithDescriptors,
  pathAddress,
  receiveWithDescriptors,
  send,
  unixSocket,
  unixSocketPair,
  watch,
} from '../../src/lib/os/index.ts';
import { runTool, temporaryDirectory, toolScript } from '../support/run.ts';
import { onTerminal } from '../support/terminal.ts';

const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) closeFd(fd);
});

/** The next message on a socket, with its descriptors, which are closed after the test. */
function message(fd: number): Promise<MessageWithDescriptors & { pid: number }> {
  return new Promise((resolve) => {
    const buffer = Buffer.alloc(16);
    const watcher = watch(fd, {
      readable() {
        const received = receiveWithDescriptors(fd, buffer);
        if (!received) return;
        watcher.close();
        open.push(...received.descriptors);
        resolve({ ...received, pid: buffer.readInt32LE(0) });
      },
    });
  });
}

const NO_TTY =
  "TIOCNOTTY failed in port-helper, check UML's exec call for xterm or telnetd: Inappropriate ioctl for device\n";

test('hands its terminal to the socket of an xterm channel, and goes with the terminal', async () => {
  const path = join(temporaryDirectory(), 'xterm-pipe');
  const fd = unixSocket('dgram');
  open.push(fd);
  bind(fd, pathAddress(path));
  const session = onTerminal(toolScript('port-helper'), ['-uml-socket', path], {});
  const { length, descriptors, pid } = await message(fd);
  expect([length, descriptors.length]).toEqual([4, 1]);
  const terminal = fstatSync(descriptors[0] ?? -1);
  expect(terminal.isCharacterDevice()).toBe(true);
  expect(terminal.rdev).toBe(statSync(`/proc/${pid}/fd/0`).rdev);
  expect(statSync(`/proc/${pid}/fd/0`).isCharacterDevice()).toBe(true);
  session.type('what is typed is for UML\r'); // and does not end it
  process.kill(pid, 'SIGHUP'); // nor does this: it would be told as its end below
  session.hangUp();
  expect(await session.exit()).toEqual({ status: 0, signal: null });
});

test('hands it to descriptor 3 of a port channel, whatever words telnetd adds; a signal ends it', async () => {
  const [here, there] = unixSocketPair('stream');
  open.push(here);
  const child = spawn(toolScript('port-helper'), ['-h', 'localhost', '-p'], {
    stdio: ['pipe', 'ignore', 'pipe', there],
  });
  closeFd(there);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const { descriptors, pid } = await message(here);
  expect([descriptors.length, pid]).toEqual([1, child.pid]);
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([null, 'SIGTERM']);
  expect(stderr).toBe(NO_TTY);
});

test('what can not be handed over is told, and ends it', async () => {
  const helper = (...words: string[]) => runTool('port-helper', words);
  const failure = (stderr: string) => ({ status: 1, signal: null, stdout: '', stderr });
  expect(await helper()).toEqual(
    failure(`${NO_TTY}port-helper: descriptor 3 is no socket of UML's, which starts port-helper by itself\n`),
  );
  expect(await helper('-uml-socket')).toEqual(failure('port-helper: -uml-socket needs the path of a socket\n'));
  expect(await helper('-uml-socket', '/tmp/nosuch')).toEqual(failure('connect: No such file or directory\n'));
  expect(await helper('-uml-socket', '/')).toEqual(failure('connect: Connection refused\n'));
});

test('an instance that has gone before it got the terminal', async () => {
  const [here, there] = unixSocketPair('stream');
  closeFd(here);
  const child = spawn(toolScript('port-helper'), [], { stdio: ['ignore', 'ignore', 'ignore', there] });
  closeFd(there);
  expect(await once(child, 'exit')).toEqual([1, null]);
});

test('an instance that takes no more', async () => {
  const [here, there] = unixSocketPair('stream');
  open.push(here);
  while (send(there, Buffer.alloc(4096)) !== undefined); // it is non-blocking
  const child = spawn(toolScript('port-helper'), [], { stdio: ['ignore', 'ignore', 'pipe', there] });
  closeFd(there);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(stderr).toBe(`${NO_TTY}sendmsg: Resource temporarily unavailable\n`);
});
