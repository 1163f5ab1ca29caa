import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { Guest } from '../lib/switch/wire.ts';
import { type Child, root, runTool, spawnTool, temporaryDirectory } from '../support/run.ts';
import { onTerminal } from '../support/terminal.ts';

let cwd: string;
let network: Child;

beforeAll(async () => {
  cwd = temporaryDirectory();
  network = spawnTool('uml_switch', ['-unix', 'sw.ctl', '--console', 'con'], { cwd });
  await network.waitFor(/attached to unix socket/);
  await Guest.join(join(cwd, 'sw.ctl'));
});

const ctl = (args: readonly string[], stdin?: string) =>
  runTool('switchctl', ['-s', 'con', ...args], { cwd, ...(stdin !== undefined && { stdin }) });

describe('one command', () => {
  test('the answer is printed, status 0', async () => {
    expect(await ctl(['port', 'show', '5'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^port {6}5\nname\nkind {6}client\nstate {5}up\n/),
      stderr: '',
    });
  });

  test('--json: one line, wherever it stands', async () => {
    const { status, stdout } = await ctl(['kind', '--json']);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '{"ok":true,"result":{"kind":"switch"}}\n' });
  });

  test('words with blanks arrive whole', async () => {
    expect(await ctl(['port', 'name', '5', 'the "web" server'])).toMatchObject({ status: 0, stdout: '' });
    expect((await ctl(['port', 'list'])).stdout).toMatch(/ the "web" server\n$/);
  });

  test('a file is one of the user, not of the switch', async () => {
    const elsewhere = temporaryDirectory();
    const args = ['-s', join(cwd, 'con'), 'capture', 'start', 'x.pcapng'];
    expect(await runTool('switchctl', args, { cwd: elsewhere })).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(join(elsewhere, 'x.pcapng'))).toBe(true);
    expect((await ctl(['capture', 'stop'])).stdout).toContain(join(elsewhere, 'x.pcapng'));
  });

  test('refused: the reason on stderr, status 1; with --json on stdout', async () => {
    expect(await ctl(['port', 'show', '99'])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: "uml switchctl: there is no port '99'\n",
    });
    expect(await ctl(['--json', 'port', 'show', '99'])).toMatchObject({
      status: 1,
      stdout: `{"ok":false,"error":{"code":"PORT","message":"there is no port '99'"}}\n`,
      stderr: '',
    });
  });

  test.each([
    [['-x'], 'there is no option "-x"'],
    [['-s'], '-s needs the socket of a console'],
  ])('%j: wrong words, status 2', async (args, problem) => {
    expect(await runTool('switchctl', args, { cwd })).toEqual({
      status: 2,
      signal: null,
      stdout: '',
      stderr: `uml switchctl: ${problem}; see uml switchctl --help\n`,
    });
  });

  test('nobody there, or somebody else: status 2', async () => {
    expect(await runTool('switchctl', ['-s', 'nobody', 'kind'], { cwd })).toMatchObject({
      status: 2,
      stderr: 'uml switchctl: nobody: No such file or directory\n',
    });
    const path = join(temporaryDirectory(), 'x');
    const server = createServer((socket) => socket.end('hello\n')).listen(path);
    await once(server, 'listening');
    expect(await runTool('switchctl', ['-s', path, 'kind'])).toMatchObject({
      status: 2,
      stderr: `uml switchctl: ${path}: it hung up without an answer\n`,
    });
    server.close();
  });

  test('--help tells of all commands without a switch', async () => {
    const { status, stdout } = await runTool('switchctl', ['--help']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/\n {2}mirror PORTS to PORT +copy every frame/);
  });

  test('log follows the messages', async () => {
    const child = spawnTool('switchctl', ['-s', 'con', 'log'], { cwd });
    for (let seen = ''; !/New connection/.test(seen); seen = child.stdout) {
      (await Guest.join(join(cwd, 'sw.ctl'))).leave();
    }
    expect((await child.kill()).stdout).toMatch(/^((New connection|Disconnect)\n)+$/);
  });

  test('log --json: an object a line, with the event that the message tells of', async () => {
    const place = temporaryDirectory();
    const own = spawnTool('uml_switch', ['-unix', 'sw.ctl', '--console', 'con'], { cwd: place });
    await own.waitFor(/attached to unix socket/);
    const child = spawnTool('switchctl', ['-s', 'con', 'log', '--json'], { cwd: place });
    let guest = await Guest.join(join(place, 'sw.ctl'));
    for (; !child.stdout.includes('"connected"'); guest = await Guest.join(join(place, 'sw.ctl'))) guest.leave();
    guest.say(Buffer.alloc(3)); // more than a request
    await child.waitFor('bad-request');
    connect(join(place, 'sw.ctl')).end(Buffer.from('cefaedfe02000000', 'hex')); // two lines for one event
    await child.waitFor('No port associated');
    const said = (await child.kill()).stdout.split('\n').slice(0, -1);
    const objects = said.map((line) => JSON.parse(line));
    expect(objects).toContainEqual({ message: 'New connection', event: { event: 'connected', port: 5 } });
    expect(objects).toContainEqual({
      message: 'Bad request',
      event: { event: 'bad-request', port: expect.any(Number) },
    });
    const [first, second] = objects.slice(-2);
    expect(first).toMatchObject({ message: 'Version 2 is not supported', event: { event: 'bad-version', version: 2 } });
    expect(Object.keys(second)).toEqual(['message']);
  });
});

describe('commands from the input', () => {
  test('each is answered; the status tells of a refusal', async () => {
    expect(await ctl([], 'kind hub\nkind\n\nkind switch\n')).toMatchObject({ status: 0, stdout: 'hub\n', stderr: '' });
    expect(await ctl([], 'port show 99\n"open\nkind\n')).toMatchObject({
      status: 1,
      stdout: 'switch\n',
      stderr:
        "uml switchctl: there is no port '99'\n" + `uml switchctl: '"open': a quote is not closed, or in a word\n`,
    });
    expect(await ctl([], 'quit\nkind\n')).toMatchObject({ status: 0, stdout: '' });
  });

  test('on a terminal: a prompt, completion, and quit', async () => {
    const home = temporaryDirectory();
    const main = ['--import', import.meta.resolve('tsx'), join(root, 'src/main.ts')];
    await using terminal = onTerminal(process.execPath, [...main, 'switchctl', '-s', join(cwd, 'con')], { HOME: home });
    await terminal.waitFor(/\(switch\) /);
    terminal.type('mirr\t');
    await terminal.waitFor(/mirror /);
    terminal.type('\r');
    await terminal.waitFor(/\noff\r\n/);
    terminal.type('port show 99\r');
    await terminal.waitFor(/there is no port '99'/);
    terminal.type('quit\r');
    expect(await terminal.exit()).toEqual({ status: 0, signal: null });
    expect(readFileSync(join(home, '.uml_switchctl_history'), 'utf8')).toBe('mirror \nport show 99\nquit\n');
  });

  test('a capture is not for a terminal', async () => {
    const main = ['--import', import.meta.resolve('tsx'), join(root, 'src/main.ts')];
    const args = [...main, 'switchctl', '-s', join(cwd, 'con'), 'capture'];
    await using terminal = onTerminal(process.execPath, args, {});
    expect(await terminal.exit()).toEqual({ status: 2, signal: null });
    await terminal.waitFor(/a capture is not for a terminal/);
  });
});

describe('the socket itself', () => {
  async function talk(text: string | Buffer): Promise<string> {
    const socket = connect(join(cwd, 'con'));
    let all = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      all += chunk;
    });
    socket.end(text);
    await once(socket, 'close');
    return all;
  }

  test('lines may come all at once and the sender may stop sending: all are answered, in order', async () => {
    expect(await talk('kind\r\n--json kind\nnonsense\n\nmirror\n')).toBe(
      'switch\nOK\n{"ok":true,"result":{"kind":"switch"}}\nERR there is no command \'nonsense\'; help lists them\noff\nOK\n',
    );
  });

  test('quit closes; what comes behind it is not carried out', async () => {
    expect(await talk('kind\nquit\nkind\n')).toBe('switch\nOK\n');
  });

  test('a line without an end is refused and the connection closed', async () => {
    const socket = connect(join(cwd, 'con'));
    socket.on('error', () => {});
    socket.write('x'.repeat(20_000));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toBe('ERR this line is too long\n');
    await once(socket, 'close');
  });

  test('many at a time, noise, and clients that leave in the middle harm nobody', async () => {
    const sockets: Socket[] = [];
    for (let n = 0; n < 150; n++) {
      const socket = connect(join(cwd, 'con'));
      socket.on('error', () => {});
      socket.write(
        randomInt(2) === 0 ? randomBytes(randomInt(5000)) : 'port list\nhelp\ncapture\n'.repeat(randomInt(50)),
      );
      sockets.push(socket);
      if (randomInt(3) === 0) sockets[randomInt(sockets.length)]?.destroy();
    }
    for (const socket of sockets) socket.destroy();
    expect((await ctl(['kind'])).stdout).toBe('switch\n');
    expect(network.stderr.replace(/^The capture to 'a console' ended: its reader has left\n/gm, '')).toBe('');
  });
});
