/** What is around the switch: who may connect, process id file, readiness, its terminal, its end by the console. */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  bind,
  closeFd,
  lookupGroup,
  pathAddress,
  rawAddress,
  receive,
  type UnixAddress,
  unixSocket,
  watch,
} from '../../src/lib/os/index.ts';
import { ConsoleClient } from '../../src/lib/switch/index.ts';
import { broadcast, frame, Guest, mac } from '../lib/switch/wire.ts';
import { type Child, root, runTool, spawnTool, temporaryDirectory } from '../support/run.ts';
import { onTerminal } from '../support/terminal.ts';

async function startIn(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<Child> {
  const child = spawnTool('uml_switch', ['-unix', 'sw.ctl', ...args], { cwd, env });
  await child.waitFor(/attached to unix socket 'sw.ctl'.*\n/);
  return child;
}

async function ask(socket: string, ...words: string[]): Promise<string> {
  const client = await ConsoleClient.connect(socket);
  const reply = await client.ask(words, 'text');
  client.close();
  if (reply.kind === 'stream') throw new Error('a stream');
  return reply.kind === 'done' ? reply.text : reply.reason;
}

const modeOf = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);

describe('--help', () => {
  test('lists the options on standard output', async () => {
    const { status, stdout, stderr } = await runTool('uml_switch', ['--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const option of ['-unix', '-tap', '--console', '--vxlan', '--pidfile'])
      expect(stdout).toContain(`\n  ${option} `);
  });
});

describe('long options', () => {
  test.each([
    [['--mode', '778'], "--mode: '778' is no mode: 0 to 777, octal"],
    [['--mode=1777'], "--mode: '1777' is no mode: 0 to 777, octal"],
    [['--group', 'no-such-group'], "--group: 'no-such-group' is no group"],
    [['--group', '4294967295'], "--group: '4294967295' is no group"],
    [['--udp', '10.0.0.1:5000'], "--udp: '10.0.0.1:5000' is not LOCAL,REMOTE"],
    [['--udp', 'localhost:1,localhost:2'], "--udp: 'localhost:1,localhost:2' is not LOCAL,REMOTE"],
    [['--vxlan', 'x,10.0.0.1'], "--vxlan: 'x,10.0.0.1' is not VNI,REMOTE[,LOCAL]"],
    [['--mcast', '239.0.0.1'], "--mcast: '239.0.0.1' is not GROUP:PORT[,ttl=N][,if=NAME]"],
    [['--fd', 'three'], "--fd: 'three' is not N"],
    [['--console='], "--console: '' is no path"],
    [['-unix', 'x', '--console'], '--console needs a value'],
  ])('%j: one line that names it, status 1', async (args, problem) => {
    const cwd = temporaryDirectory();
    const outcome = await runTool('uml_switch', args, { cwd });
    expect(outcome).toEqual({ status: 1, signal: null, stdout: '', stderr: `uml_switch: ${problem}\n` });
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('what the C switch says on the way still comes first; an unknown one gets its usage', async () => {
    const outcome = await runTool('uml_switch', ['-hub', '--mode', '9'], { cwd: temporaryDirectory() });
    expect(outcome.stdout).toBe('uml_switch will be a hub instead of a switch\n');
    const { status, stderr } = await runTool('uml_switch', ['--consol', 'x'], { cwd: temporaryDirectory() });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^Usage : uml_switch \[ -unix/);
  });

  test.each([
    [['--fd', '77'], 'uml_switch: descriptor 77 is not open\n'],
    [['--bess-to', 'nobody'], 'uml_switch: nobody: connect: No such file or directory\n'],
    [['--stream-to', 'nobody'], 'uml_switch: nobody: connect: No such file or directory\n'],
    [
      ['--console', 'nodir/con'],
      "bind: No such file or directory\nThe console socket 'nodir/con' exists, isn't used, but couldn't be removed\n",
    ],
  ])(
    '%j: what can not be had ends it before it says that it serves, with nothing left behind',
    async (args, stderr) => {
      const cwd = temporaryDirectory();
      const outcome = await runTool('uml_switch', ['-unix', 'sw.ctl', '--bess', 'b', '--pidfile', 'p', ...args], {
        cwd,
      });
      expect(outcome).toEqual({ status: 1, signal: null, stdout: '', stderr });
      expect(readdirSync(cwd)).toEqual([]);
    },
  );

  test('a console that another switch serves is left to it', async () => {
    const cwd = temporaryDirectory();
    await startIn(cwd, ['--console', 'con']);
    const outcome = await runTool('uml_switch', ['-unix', 'other.ctl', '--console', 'con'], { cwd });
    expect(outcome.stderr).toBe(
      "The console socket 'con' has another server attached to it\n" +
        "You can either\n\tremove 'con'\n\tor rerun with a different, unused filename for a socket\n",
    );
    expect(await ask(join(cwd, 'con'), 'kind')).toBe('switch\n');
    expect(existsSync(join(cwd, 'other.ctl'))).toBe(false);
  });
});

describe('who may connect', () => {
  test('without options the umask decides, but the console is for its user alone', async () => {
    const cwd = temporaryDirectory();
    await startIn(cwd, ['--console', 'con', '--bess', 'bess']);
    const umask = process.umask();
    expect(modeOf(join(cwd, 'sw.ctl'))).toBe((0o777 & ~umask).toString(8));
    expect(modeOf(join(cwd, 'bess'))).toBe((0o777 & ~umask).toString(8));
    expect(modeOf(join(cwd, 'con'))).toBe('600');
  });

  test('--mode and --group hold for all sockets; the console gives others nothing', async () => {
    const cwd = temporaryDirectory();
    const group = lookupGroup('daemon');
    await startIn(cwd, ['--console', 'con', '--bess', 'bess', '--vde', 'vde', '--mode', '666', '--group', 'daemon']);
    for (const name of ['sw.ctl', 'bess', 'vde/ctl']) expect([name, modeOf(join(cwd, name))]).toEqual([name, '666']);
    expect(modeOf(join(cwd, 'con'))).toBe('660');
    expect(modeOf(join(cwd, 'vde'))).toBe('777');
    for (const name of ['sw.ctl', 'bess', 'con', 'vde', 'vde/ctl'])
      expect(statSync(join(cwd, name)).gid).toBe(group?.gid);
  });

  test('--group alone: the group, nobody else; the data socket too', async () => {
    const cwd = temporaryDirectory();
    const child = spawnTool('uml_switch', ['-compat-v0', '-unix', 'a', 'b', '--group', '1'], { cwd });
    await child.waitFor(/attached/);
    for (const name of ['a', 'b']) expect([modeOf(join(cwd, name)), statSync(join(cwd, name)).gid]).toEqual(['660', 1]);
  });
});

describe('--pidfile', () => {
  test('is there when it serves, and gone when it does not', async () => {
    const cwd = temporaryDirectory();
    const child = await startIn(cwd, ['--pidfile', 'sw.pid', '--console', 'con']);
    await ask(join(cwd, 'con'), 'kind'); // it is written before anybody is served
    expect(readFileSync(join(cwd, 'sw.pid'), 'utf8')).toBe(`${child.pid}\n`);
    await child.kill();
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('with -daemon it is that of the process in the background, when the command returns', async () => {
    const cwd = temporaryDirectory();
    const child = spawnTool('uml_switch', ['-daemon', '-unix', 'sw.ctl', '--console', 'con', '--pidfile', 'sw.pid'], {
      cwd,
    });
    await child.waitFor(/attached/);
    const guest = await Guest.join(join(cwd, 'sw.ctl'));
    await ask(join(cwd, 'con'), 'kind');
    expect(readFileSync(join(cwd, 'sw.pid'), 'utf8')).toBe(`${guest.switchPid}\n`);
    const hungUp = guest.hungUp();
    expect(await ask(join(cwd, 'con'), 'stop')).toBe('');
    await hungUp;
    expect((await child.exit()).status).toBe(0);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('that of a living process is refused, and stays', async () => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'sw.pid'), `${process.pid}\n`);
    const outcome = await runTool('uml_switch', ['-unix', 'sw.ctl', '--pidfile', 'sw.pid'], { cwd });
    expect(outcome).toEqual({
      status: 1,
      signal: null,
      stdout: '',
      stderr: `uml_switch: sw.pid: process ${process.pid} is alive\n`,
    });
    expect(readdirSync(cwd)).toEqual(['sw.pid']);
  });

  test.each([
    ['of a dead process', '4194304\n'],
    ['empty', ''],
  ])('%s: taken over', async (_, content) => {
    const cwd = temporaryDirectory();
    writeFileSync(join(cwd, 'sw.pid'), content);
    const child = await startIn(cwd, ['--pidfile', 'sw.pid', '--console', 'con']);
    await ask(join(cwd, 'con'), 'kind');
    expect(readFileSync(join(cwd, 'sw.pid'), 'utf8')).toBe(`${child.pid}\n`);
  });

  test.each<[string, (path: string) => void, string]>([
    ['something else', (path) => writeFileSync(path, 'root:x:0\n'), 'sw.pid has something else than a process id'],
    ['a directory', (path) => mkdirSync(path), 'sw.pid: Is a directory'],
  ])('%s in its place stays', async (_, make, reason) => {
    const cwd = temporaryDirectory();
    make(join(cwd, 'sw.pid'));
    const outcome = await runTool('uml_switch', ['-unix', 'sw.ctl', '--pidfile', 'sw.pid'], { cwd });
    expect(outcome).toMatchObject({ status: 1, stdout: '', stderr: `uml_switch: ${reason}\n` });
    expect(readdirSync(cwd)).toEqual(['sw.pid']);
  });
});

describe('a service manager', () => {
  async function heard(name: string, address: UnixAddress, args: readonly string[]): Promise<string[]> {
    const cwd = temporaryDirectory();
    const fd = unixSocket('dgram');
    bind(fd, address);
    const messages: string[] = [];
    const buffer = Buffer.alloc(4096);
    let wake = (): void => {};
    const watcher = watch(fd, {
      readable() {
        for (let got = receive(fd, buffer); got; got = receive(fd, buffer)) {
          messages.push(buffer.toString('utf8', 0, got.length));
        }
        wake();
      },
    });
    const count = (wanted: number): Promise<void> =>
      new Promise((resolve) => {
        wake = () => messages.length >= wanted && resolve();
        wake();
      });
    await startIn(cwd, ['--console', 'con', ...args], { NOTIFY_SOCKET: name });
    await count(1);
    (await Guest.join(join(cwd, 'sw.ctl'))).leave(); // ready means ready
    await ask(join(cwd, 'con'), 'stop');
    await count(2);
    watcher.close();
    closeFd(fd);
    return messages;
  }

  test('is told of readiness and of the end, on a path', async () => {
    const path = join(temporaryDirectory(), 'notify');
    expect(await heard(path, pathAddress(path), [])).toEqual(['READY=1', 'STOPPING=1']);
  });

  test('on an abstract name, with -daemon also which process it is', async () => {
    const name = `uml-test-notify-${process.pid}`;
    const messages = await heard(`@${name}`, rawAddress(Buffer.from(`\0${name}`)), ['-daemon']);
    expect(messages).toEqual([expect.stringMatching(/^MAINPID=\d+\nREADY=1$/), 'STOPPING=1']);
  });

  test('that is not there is complained of, and nothing else', async () => {
    const cwd = temporaryDirectory();
    const child = await startIn(cwd, [], { NOTIFY_SOCKET: join(cwd, 'nobody') });
    (await Guest.join(join(cwd, 'sw.ctl'))).leave();
    await child.waitFor(/Disconnect\n/);
    expect(child.stderr).toBe('uml_switch: $NOTIFY_SOCKET: No such file or directory\n');
  });
});

describe('its terminal', () => {
  test('takes commands; an empty line says nothing; the end of input ends it', async () => {
    const path = join(temporaryDirectory(), 'sw.ctl');
    await using terminal = onTerminal(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), join(root, 'src/main.ts'), 'uml_switch', '-unix', path],
      {},
    );
    await terminal.waitFor(/attached/);
    const guest = await Guest.join(path);
    terminal.type('\nport list\nport show 99\nmac ageing 7\nlog\nquit\n');
    await terminal.waitFor(/ 5 {2}client {2}up/);
    await terminal.waitFor(/there is no port '99'\r\n/);
    await terminal.waitFor(/7 seconds\r\n/);
    await terminal.waitFor(/(that needs a connection to a console.*\r\n){2}/);
    terminal.type('\x04');
    expect(await terminal.exit()).toEqual({ status: 0, signal: null });
    expect(terminal.screen).toMatch(/EOF on stdin, cleaning up and exiting\r\n$/);
    guest.leave();
  });

  test('stop ends it', async () => {
    const path = join(temporaryDirectory(), 'sw.ctl');
    await using terminal = onTerminal(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), join(root, 'src/main.ts'), 'uml_switch', '-unix', path],
      {},
    );
    await terminal.waitFor(/attached/);
    terminal.type('stop\n');
    expect(await terminal.exit()).toEqual({ status: 0, signal: null });
    expect(terminal.screen).toMatch(/Stopped by the console, cleaning up and exiting\r\n$/);
    expect(existsSync(path)).toBe(false);
  });
});

describe('the console while frames pass', () => {
  test('a port that is down neither sends nor receives; a hub sends to all; addresses are shown and forgotten', async () => {
    const cwd = temporaryDirectory();
    await startIn(cwd, ['--console', 'con']);
    const con = join(cwd, 'con');
    const guests: Guest[] = [];
    while (guests.length < 3) guests.push(await Guest.join(join(cwd, 'sw.ctl')));
    const [a, b, c] = guests as [Guest, Guest, Guest];
    a.send(frame(broadcast, mac(1)));
    await b.next();
    await c.next();
    expect(await ask(con, 'mac', 'find', '02:00:00:00:00:01')).toMatch(/\n02:00:00:00:00:01 +- +5 +\d+\n$/);

    expect(await ask(con, 'port', 'down', '7')).toBe('');
    const first = frame(broadcast, mac(1));
    a.send(first);
    expect(await b.next()).toEqual(first);
    expect(await ask(con, 'port', 'up', '7')).toBe('');
    const second = frame(broadcast, mac(1));
    a.send(second);
    expect(await c.next()).toEqual(second); // the first never came
    await b.next();

    expect(await ask(con, 'kind', 'hub')).toBe('');
    const third = frame(mac(1), mac(2));
    b.send(third);
    expect(await c.next()).toEqual(third);
    expect(await a.next()).toEqual(third);

    expect(await ask(con, 'mac', 'flush')).toBe('2 addresses forgotten\n');
    expect(await ask(con, 'mac', 'list')).toBe('');
    expect(await ask(con, 'port', 'counters', '5')).toMatch(/\n +5 +3 +180 +0 +1 +60 +0\n$/);
    const gone = c.hungUp();
    expect(await ask(con, 'port', 'detach', '7')).toBe('');
    await gone;
  });
});
