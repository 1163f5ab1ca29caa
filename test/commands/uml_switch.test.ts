import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bind, closeFd, pathAddress, unixSocket } from '../../src/lib/os/index.ts';
import { broadcast, frame, Guest, mac } from '../lib/switch/wire.ts';
import { type Child, root, runTool, spawnTool, temporaryDirectory } from '../support/run.ts';
import { onTerminal } from '../support/terminal.ts';

const USAGE =
  'Usage : uml_switch [ -unix control-socket ] [ -hub ] [ -tap tap-device ]\n' +
  'or : uml_switch -compat-v0 [ -unix control-socket data-socket ] [ -hub ] [ -tap tap-device ]\n';

describe('the command line', () => {
  test.each([[['-help']], [['-h']], [['extra']], [['-unix']], [['-unix', 'sw.ctl', 'sw.data']], [['-tap']]])(
    '%j: the usage on stderr',
    async (args) => {
      expect(await runTool('uml_switch', args, { cwd: temporaryDirectory() })).toEqual({
        status: 1,
        signal: null,
        stdout: '',
        stderr: USAGE,
      });
    },
  );

  test.each([
    [['-compat-v0', '-unix', 'sw.ctl'], 'Control protocol 0 compatibility\n'],
    [['-hub', '-hub', '-bad'], 'uml_switch will be a hub instead of a switch\n'.repeat(2)],
    [['-compat-v0', '-hub', '--'], 'Control protocol 0 compatibility\numl_switch will be a hub instead of a switch\n'],
  ])('%j: what it says on the way comes first', async (args, stdout) => {
    const outcome = await runTool('uml_switch', args, { cwd: temporaryDirectory() });
    expect(outcome).toEqual({ status: 1, signal: null, stdout, stderr: USAGE });
  });

  test('the start line names what it serves, and comes through a pipe at once', async () => {
    const cwd = temporaryDirectory();
    const child = spawnTool('uml_switch', ['-hub', '-compat-v0', '-unix', 'a.ctl', 'a.data'], { cwd });
    await child.waitFor(/a\.data'\n/);
    expect(child.output).toBe(
      'uml_switch will be a hub instead of a switch\n' +
        'Control protocol 0 compatibility\n' +
        "uml_switch attached to unix sockets 'a.ctl' and 'a.data'\n",
    );
    await child.kill();
    expect([existsSync(join(cwd, 'a.ctl')), existsSync(join(cwd, 'a.data'))]).toEqual([false, false]);
  });
});

/** Starts a switch on `sw.ctl` of a directory. */
async function startIn(cwd: string, ...args: string[]): Promise<Child> {
  const child = spawnTool('uml_switch', ['-unix', 'sw.ctl', ...args], { cwd });
  await child.waitFor(/attached to unix socket 'sw.ctl'\n/);
  return child;
}

function staleSocket(path: string, type: 'stream' | 'dgram' = 'stream'): void {
  const fd = unixSocket(type);
  bind(fd, pathAddress(path));
  closeFd(fd);
}

describe('the place of the socket', () => {
  test('a socket that nobody serves any more is taken over', async () => {
    const cwd = temporaryDirectory();
    staleSocket(join(cwd, 'sw.ctl'));
    await startIn(cwd);
    (await Guest.join(join(cwd, 'sw.ctl'))).leave();
  });

  test('stale sockets of both kinds are taken over with -compat-v0', async () => {
    const cwd = temporaryDirectory();
    staleSocket(join(cwd, 'a'));
    staleSocket(join(cwd, 'b'), 'dgram');
    const child = spawnTool('uml_switch', ['-compat-v0', '-unix', 'a', 'b'], { cwd });
    await child.waitFor(/attached to unix sockets 'a' and 'b'\n/);
    expect(child.stderr).toBe('');
  });

  test('a server that is alive keeps it', async () => {
    const cwd = temporaryDirectory();
    const server = createServer().listen(join(cwd, 'sw.ctl'));
    await once(server, 'listening');
    const outcome = await runTool('uml_switch', ['-unix', 'sw.ctl'], { cwd });
    expect(outcome).toEqual({
      status: 1,
      signal: null,
      stdout: '',
      stderr:
        "The control socket 'sw.ctl' has another server attached to it\n" +
        "You can either\n\tremove 'sw.ctl'\n\tor rerun with a different, unused filename for a socket\n",
    });
    expect(lstatSync(join(cwd, 'sw.ctl')).isSocket()).toBe(true);
    server.close();
  });

  test('both sockets in use: the words of the C switch', async () => {
    const cwd = temporaryDirectory();
    const first = spawnTool('uml_switch', ['-compat-v0', '-unix', 'a', 'b'], { cwd });
    await first.waitFor(/attached/);
    const outcome = await runTool('uml_switch', ['-compat-v0', '-unix', 'a', 'b'], { cwd });
    expect(outcome).toEqual({
      status: 1,
      signal: null,
      stdout: 'Control protocol 0 compatibility\n',
      stderr:
        'connect: Protocol wrong type for socket\n' +
        "The control socket 'a' has another server attached to it\n" +
        "The data socket 'b' has another server attached to it\n" +
        'You should rerun with different, unused filenames for sockets:\n' +
        '\tuml_switch -unix <control> <data>\n' +
        "\tand run the UMLs with 'eth0=daemon,,unix,<control>,<data>'\n",
    });
  });

  test('a data socket that can not be made leaves no control socket behind', async () => {
    const cwd = temporaryDirectory();
    const outcome = await runTool('uml_switch', ['-compat-v0', '-unix', 'a', 'nodir/b'], { cwd });
    expect(outcome).toEqual({
      status: 1,
      signal: null,
      stdout: 'Control protocol 0 compatibility\n',
      stderr:
        'bind: No such file or directory\n' +
        "The data socket 'nodir/b' exists, isn't used, but couldn't be removed\n" +
        "You can either\n\tremove 'nodir/b'\n\tor rerun with different, unused filenames for sockets:\n" +
        '\t\tuml_switch -unix <control> <data>\n' +
        "\t\tand run the UMLs with 'eth0=daemon,,unix,<control>,<data>\n",
    });
    expect(existsSync(join(cwd, 'a'))).toBe(false);
  });

  test.each<[string, (path: string) => void, string]>([
    ['a regular file', (path) => writeFileSync(path, 'precious'), 'it is not a socket'],
    ['a link to a file', (path) => symlinkSync('/etc/passwd', path), 'it is not a socket'],
    ['a directory', (path) => mkdirSync(path), 'Is a directory'],
  ])('%s stays', async (_, make, reason) => {
    const cwd = temporaryDirectory();
    const path = join(cwd, 'sw.ctl');
    make(path);
    const before = lstatSync(path).ino;
    const outcome = await runTool('uml_switch', ['-unix', 'sw.ctl'], { cwd });
    expect(outcome).toEqual({
      status: 1,
      signal: null,
      stdout: '',
      stderr:
        `Failed to removed unused socket 'sw.ctl': ${reason}\n` +
        'bind: Address already in use\n' +
        "The control socket 'sw.ctl' exists, isn't used, but couldn't be removed\n",
    });
    expect(lstatSync(path).ino).toBe(before);
  });

  test.each([
    ['nodir/sw.ctl', 'No such file or directory'],
    ['x'.repeat(130), 'File name too long'],
    ['y'.repeat(108), 'File name too long'],
  ])('%s can not be bound', async (path, reason) => {
    const outcome = await runTool('uml_switch', ['-unix', path], { cwd: temporaryDirectory() });
    expect(outcome).toEqual({
      status: 1,
      signal: null,
      stdout: '',
      stderr: `bind: ${reason}\nThe control socket '${path}' exists, isn't used, but couldn't be removed\n`,
    });
  });
});

describe('the end', () => {
  test.each([
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const)('%s: the socket is removed, the death is of that signal', async (signal, number) => {
    const cwd = temporaryDirectory();
    const child = await startIn(cwd);
    const guest = await Guest.join(join(cwd, 'sw.ctl'));
    const hungUp = guest.hungUp();
    const outcome = await child.kill(signal);
    expect(outcome).toMatchObject({ status: null, signal, stderr: '' });
    expect(outcome.stdout).toMatch(new RegExp(`Caught signal ${number}, cleaning up and exiting\n$`));
    expect(existsSync(join(cwd, 'sw.ctl'))).toBe(false);
    await hungUp;
  });

  test('the end of input on a terminal', async () => {
    const cwd = temporaryDirectory();
    await using terminal = onTerminal(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), join(root, 'src/main.ts'), 'uml_switch', '-unix', join(cwd, 'sw.ctl')],
      {},
    );
    await terminal.waitFor(/attached/);
    (await Guest.join(join(cwd, 'sw.ctl'))).leave();
    await terminal.waitFor(/Disconnect\r\n/);
    terminal.type('\x04');
    expect(await terminal.exit()).toEqual({ status: 0, signal: null });
    expect(terminal.screen).toMatch(/EOF on stdin, cleaning up and exiting\r\n$/);
    expect(existsSync(join(cwd, 'sw.ctl'))).toBe(false);
  });

  test('the end of input that is no terminal means nothing', async () => {
    const cwd = temporaryDirectory();
    const child = await startIn(cwd);
    child.end();
    (await Guest.join(join(cwd, 'sw.ctl'))).leave();
    await child.waitFor(/Disconnect\n/);
    expect(child.running).toBe(true);
  });

  test("another program's socket in its place is not removed", async () => {
    const cwd = temporaryDirectory();
    const child = await startIn(cwd);
    const path = join(cwd, 'sw.ctl');
    rmSync(path);
    staleSocket(path);
    await child.kill();
    expect(existsSync(path)).toBe(true);
  });
});

describe('-daemon', () => {
  /** The process behind a socket, known from the address that it answers with. */
  async function stop(path: string): Promise<void> {
    const guest = await Guest.join(path);
    const hungUp = guest.hungUp();
    process.kill(guest.switchPid, 'SIGTERM');
    await hungUp;
  }

  test('serves in the background, in / and a session of its own, when the command returns', async () => {
    const cwd = temporaryDirectory();
    const path = join(cwd, 'sw.ctl');
    const child = spawnTool('uml_switch', ['-daemon', '-unix', 'sw.ctl'], { cwd });
    await child.waitFor(/uml_switch attached to unix socket 'sw.ctl'\n/);
    const [a, b] = [await Guest.join(path), await Guest.join(path)];
    const pid = a.switchPid;
    expect(pid).not.toBe(child.pid);
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
    expect(readlinkSync(`/proc/${pid}/fd/0`)).toBe('/dev/null');
    expect(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[3]).toBe(String(pid));
    const hello = frame(broadcast, mac(1));
    a.send(hello);
    expect(await b.next()).toEqual(hello);
    await stop(path);
    const { status, stderr } = await child.exit();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(existsSync(path)).toBe(false);
  });

  test('says why it can not start, with the status', async () => {
    const outcome = await runTool('uml_switch', ['-daemon', '-unix', 'nodir/sw.ctl'], { cwd: temporaryDirectory() });
    expect(outcome).toEqual({
      status: 1,
      signal: null,
      stdout: '',
      stderr:
        "bind: No such file or directory\nThe control socket 'nodir/sw.ctl' exists, isn't used, but couldn't be removed\n",
    });
  });
});

describe('-tap', () => {
  test.each([
    ['lo', 'Invalid argument'],
    ['a-name-that-is-too-long', 'File name too long'],
  ])('%s: a device that can not be had ends it, before it says that it serves', async (device, reason) => {
    const cwd = temporaryDirectory();
    const outcome = await runTool('uml_switch', ['-unix', 'sw.ctl', '-tap', device], { cwd });
    expect(outcome).toEqual({ status: 1, signal: null, stdout: '', stderr: `TUNSETIFF failed: ${reason}\n` });
    expect(existsSync(join(cwd, 'sw.ctl'))).toBe(false);
  });
});
