/** What a caller sees of uml_net; texts are those of golden/tools. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { closeFd, openPty, unixSocketPair } from '../../src/lib/os/index.ts';
import { runProgram, temporaryDirectory, toolCommand } from '../support/run.ts';
import { callHelper } from '../support/uml-net.ts';

const HELP =
  "uml_net : bad argument list - if you're running uml_net by\n" +
  "hand, don't bother.  uml_net is run automatically by UML when\nnecessary.\n";

/** An output record: 32 bits of length, then the text and a NUL. */
function record(text: string): string {
  const length = Buffer.alloc(4);
  length.writeInt32LE(text.length + 1);
  return `${length.toString('latin1')}${text}\0`;
}

describe('by hand', () => {
  test.each<[string, { stdout?: string; stderr?: string }]>([
    ['', { stderr: HELP }],
    ['1', { stderr: HELP }],
    ['0', { stderr: HELP }],
    ['99 tuntap up', { stderr: 'Version mismatch - requested version 99, uml_net supports up to version 4\n' }],
    ['4 bogus', { stdout: "Unknown transport : 'bogus'\n" }],
    ['1 tuntap up', { stdout: "No version #1 handler for 'tuntap'\n" }],
    ['4 tuntap', { stdout: '*\0\0\0uml_net : too few arguments to tuntap_v4\n\0' }],
    ['4 tuntap frob', { stderr: "Bad tuntap op : 'frob'\n" }],
    ['4 ethertap', { stdout: '\0,\0\0\0uml_net : Too few arguments to ethertap_v4\n\0' }],
    ['3 tuntap up', { stderr: 'sendmsg: Socket operation on non-socket\n' }],
    ['4 slip frob 1', { stdout: "slip - Unknown op 'frob'\n" }],
    ['4 slip', { stdout: '(\0\0\0uml_net : too few arguments to slip_v4\n\0' }],
    ['4 slip up 192.0.2.1', { stdout: '>\0\0\0Setting slip line discipline: Inappropriate ioctl for device\n\0' }],
    ['4 slip down sl0', { stdout: '>\0\0\0Getting slip line discipline: Inappropriate ioctl for device\n\0' }],
    ['2 slip down 0', { stderr: 'Getting slip line discipline: Inappropriate ioctl for device\n' }],
    ['2 slip down 77', { stderr: 'Getting slip line discipline: Bad file descriptor\n' }],
    ['3 slip up x 192.0.2.1', { stdout: record("uml_net : 'x' is no descriptor\n") }],
  ])('uml_net %s', async (words, expected) => {
    const output = join(temporaryDirectory(), 'output');
    const stdout = openSync(output, 'w'); // a pipe of Node's is a socket
    const command = toolCommand('uml_net', words === '' ? [] : words.split(' '));
    const outcome = await runProgram('sh', ['-c', 'exec "$@" </dev/null', 'sh', ...command], { stdout });
    closeSync(stdout);
    expect({ ...outcome, stdout: readFileSync(output, 'latin1') }).toEqual({
      ...{ status: 1, signal: null, stdout: '', stderr: '' },
      ...expected,
    });
  });
});

test('ethertap is refused in the way that each version waits for', async () => {
  const refusal = 'uml_net : Linux has no ethertap devices since 2.6; use tuntap\n';
  const gone = { status: 1, stderr: '' };
  expect(await callHelper('stream', ['4', 'ethertap', 'tap3', '5', '192.0.2.1'])).toMatchObject({
    ...gone,
    text: `\0${record(refusal)}`,
  });
  expect(await callHelper('stream', ['3', 'ethertap', 'tap3', '5', '192.0.2.1'])).toMatchObject({
    ...gone,
    text: `\0${record(refusal)}`,
  });
  expect(await callHelper('stream', ['2', 'ethertap', 'tap3', '5', '1'])).toMatchObject({
    status: 1,
    stderr: refusal,
    text: '\0',
  });
  expect(await callHelper('stream', ['ethertap', 'tap3', '5'])).toMatchObject({ status: 1, stderr: refusal, text: '' });
  expect(await callHelper('stream', ['2', 'ethertap', 'tap3', '5', '77'])).toMatchObject({
    status: 1,
    stderr: `Writing failure byte: Bad file descriptor\n${refusal}`,
  });
});

test('without an address, the kernel is told so where it waits for the tap', async () => {
  const text = 'Too few arguments to tuntap_up\n\0';
  expect(await callHelper('dgram', ['4', 'tuntap', 'up'])).toMatchObject({
    status: 0,
    stderr: '',
    messages: [{ text, descriptors: [] }],
  });
});

test('a pseudo-terminal on a kernel without SLIP, as the kernel calls it', async () => {
  const { master, slave } = openPty();
  const line = openSync(slave, 'r+');
  const words = toolCommand('uml_net', ['4', 'slip', 'up', '192.0.2.1']);
  const kernelHasSlip = /\bslip\b/.test(readFileSync('/proc/tty/ldiscs', 'utf8'));
  const { text, status } = await callHelper('stream', words, { program: 'as given', line });
  closeSync(line);
  closeSync(master);
  if (kernelHasSlip) expect(text).toMatch(/ifconfig sl\d+ 192\.0\.2\.1 mtu 1500 up\n/);
  else
    expect({ text, status }).toEqual({ text: record('Setting slip line discipline: Invalid argument\n'), status: 1 });
});

test('a socket in the place of a line is no interface', async () => {
  const [line, peer] = unixSocketPair('dgram');
  const { text, status } = await callHelper('stream', ['4', 'slip', 'down', 'x'], { line });
  for (const fd of [line, peer]) closeFd(fd);
  expect({ text, status }).toEqual({ text: record('Getting slip line discipline: No such device\n'), status: 1 });
});

test('a device’s name never leads out of its directory', async () => {
  for (const device of ['../../../../../tmp', 'a/b', 'tap-0', 'tap0;id', `${'x'.repeat(16)}`]) {
    const { text, status } = await callHelper('stream', ['4', 'add', device, '192.0.2.2', '255.255.255.0']);
    expect([status, text]).toEqual([0, "5\0\0\0Device doesn't contain only alphanumeric characters\n\0"]);
  }
});
