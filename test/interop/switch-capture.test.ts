/** Captures of the switch, read by tshark. */
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConsoleClient } from '../../src/lib/switch/index.ts';
import { broadcast, frame, Guest, mac } from '../lib/switch/wire.ts';
import { type Child, root, runProgram, runTool, spawnTool, temporaryDirectory } from '../support/run.ts';
import { onTerminal } from '../support/terminal.ts';

interface Captured {
  /** Seconds since 1970. */
  time: number;
  port: string;
  what: string;
  length: number;
  from: string;
  direction: 'in' | 'out';
}

async function read(file: string): Promise<Captured[]> {
  const fields = ['time_epoch', 'interface_name', 'interface_description', 'len', 'packet_flags_direction'];
  const { status, stdout, stderr } = await runProgram('tshark', [
    ...['-r', file, '-T', 'fields', '-e', 'eth.src'],
    ...fields.flatMap((field) => ['-e', `frame.${field}`]),
  ]);
  // As root it warns of itself; "cut short" would be said here too.
  expect({ status, complaints: stderr.replace(/^Running as user .*\n/, '') }).toEqual({ status: 0, complaints: '' });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [from = '', time, port = '', what = '', length, direction] = line.split('\t');
      return { time: Number(time), port, what, length: Number(length), from, direction: way(direction) };
    });
}

const way = (flags: string | undefined): 'in' | 'out' => (Number(flags) === 1 ? 'in' : 'out');

interface Place {
  cwd: string;
  child: Child;
  guests: Guest[];
  ask(...words: string[]): Promise<string>;
}

/** A switch with guests on ports 5, 6, 7 …, and the console `con`. */
async function start(guests: number, ...args: string[]): Promise<Place> {
  const cwd = temporaryDirectory();
  const child = spawnTool('uml_switch', ['-unix', 'sw.ctl', '--console', 'con', ...args], { cwd });
  await child.waitFor(/attached to unix socket 'sw.ctl'\n/);
  const joined: Guest[] = [];
  while (joined.length < guests) joined.push(await Guest.join(join(cwd, 'sw.ctl')));
  const ask = async (...words: string[]): Promise<string> => {
    const client = await ConsoleClient.connect(join(cwd, 'con'));
    const reply = await client.ask(words, 'text');
    client.close();
    if (reply.kind === 'stream') throw new Error('a stream');
    return reply.kind === 'done' ? reply.text : reply.reason;
  };
  return { cwd, child, guests: joined, ask };
}

/** Waits until a capture has this many frames: they are on their way between two threads. */
async function captured(ask: Place['ask'], frames: number): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    const list = JSON.stringify(await ask('capture', 'list'));
    if (new RegExp(`\\\\n +${frames} `).test(list)) return;
  }
  throw new Error(`no capture got ${frames} frames: ${await ask('capture', 'list')}`);
}

/** Waits until a file is longer than this. */
async function grown(file: string, size: number): Promise<void> {
  while (readFileSync(file).length <= size) await new Promise((resolve) => setTimeout(resolve, 10));
}

const stamp = (): number => Date.now() / 1000;

describe('a capture', () => {
  test('of the whole switch has each frame once, with its bytes, its time and the port that it came from', async () => {
    const { cwd, child, guests, ask } = await start(3, '--pcap', 'all.pcapng');
    const [a, b] = guests as [Guest, Guest];
    const before = stamp();
    a.send(frame(broadcast, mac(1)));
    await b.next();
    b.send(frame(mac(1), mac(2), 9000));
    await a.next();
    const after = stamp();
    expect(await ask('port', 'name', '6', 'db1')).toBe('');
    b.send(frame(mac(1), mac(2), 61));
    await a.next();
    await child.kill();
    const frames = await read(join(cwd, 'all.pcapng'));
    expect(frames).toMatchObject([
      { from: '02:00:00:00:00:01', length: 60, port: 'port 5', direction: 'in' },
      { from: '02:00:00:00:00:02', length: 9000, port: 'port 6', direction: 'in' },
      { from: '02:00:00:00:00:02', length: 61, port: 'port 6', direction: 'in' },
    ]);
    // Date.now() is cut to milliseconds
    for (const { time } of frames.slice(0, 2)) {
      expect(time).toBeGreaterThan(before - 0.05);
      expect(time).toBeLessThan(after + 0.05);
    }
    const info = (await runProgram('capinfos', [join(cwd, 'all.pcapng')])).stdout;
    expect(info).toMatch(/Number of stat entries = 1/);
    expect(info).toMatch(/uml_switch/);
  });

  test('of one port has both directions of it, and nothing else; a file is not written twice at once', async () => {
    const { cwd, guests, ask } = await start(3);
    const [a, b, c] = guests as [Guest, Guest, Guest];
    const file = join(cwd, 'six.pcapng');
    expect(await ask('capture', 'start', file, 'port', '6')).toBe('');
    expect(await ask('capture', 'start', file)).toMatch(/runs already/);
    a.send(frame(broadcast, mac(1)));
    await b.next();
    await c.next();
    c.send(frame(mac(1), mac(3)));
    await a.next();
    b.send(frame(mac(1), mac(2)));
    await a.next();
    await captured(ask, 2);
    expect(await ask('capture', 'stop', file)).toMatch(/ 2 +0 +port 6 /);
    expect(await ask('capture', 'list')).toBe('');
    expect(await read(file)).toMatchObject([
      { from: '02:00:00:00:00:01', port: 'port 6', direction: 'out' },
      { from: '02:00:00:00:00:02', port: 'port 6', direction: 'in' },
    ]);
  });

  test('ends with its port, and says so; a port of the same number later is not in it', async () => {
    const { cwd, child, guests, ask } = await start(2);
    const [a, b] = guests as [Guest, Guest];
    const file = join(cwd, 'six.pcapng');
    await ask('capture', 'start', file, 'port', '6');
    a.send(frame(broadcast, mac(1)));
    await b.next();
    b.leave();
    await child.waitFor(/The capture to '.*six\.pcapng' ended: port 6 is gone\n/);
    const again = await Guest.join(join(cwd, 'sw.ctl'));
    a.send(frame(broadcast, mac(1)));
    await again.next();
    expect(await ask('capture', 'list')).toBe('');
    expect(await read(file)).toHaveLength(1);
  });

  test('is readable after SIGKILL', async () => {
    const { cwd, child, guests, ask } = await start(2, '--pcap', 'all.pcapng');
    const [a, b] = guests as [Guest, Guest];
    for (let n = 0; n < 100; n++) {
      await a.sendPatiently(frame(broadcast, mac(1), 60 + n));
      await b.next();
    }
    await captured(ask, 100);
    await child.kill('SIGKILL');
    expect((await read(join(cwd, 'all.pcapng'))).map(({ length }) => length)).toEqual(
      Array.from({ length: 100 }, (_, n) => 60 + n),
    );
  });

  test('goes to standard output with --pcap -, and every message to standard error', async () => {
    const cwd = temporaryDirectory();
    const file = join(cwd, 'out.pcapng');
    const stdout = openSync(file, 'w');
    const child = spawnTool('uml_switch', ['-hub', '-unix', 'sw.ctl', '--pcap', '-'], { cwd, stdout });
    closeSync(stdout);
    await child.waitFor(/attached to unix socket 'sw.ctl'\n/);
    const [a, b] = [await Guest.join(join(cwd, 'sw.ctl')), await Guest.join(join(cwd, 'sw.ctl'))];
    a.send(frame(broadcast, mac(1)));
    await b.next();
    await child.waitFor(/Addr: 02:00:00:00:00:01 New port 5\n/);
    const { stderr } = await child.kill();
    expect(stderr).toMatch(/^uml_switch will be a hub instead of a switch\n/);
    expect(stderr).toMatch(/Caught signal 15, cleaning up and exiting\n$/);
    expect(await read(file)).toMatchObject([{ port: 'port 5', length: 60 }]);
  });

  test('whose reader leaves ends, and nothing else does', async () => {
    const cwd = temporaryDirectory();
    const child = spawnTool('uml_switch', ['-unix', 'sw.ctl', '--pcap', '-'], { cwd });
    await child.waitFor(/attached to unix socket 'sw.ctl'\n/);
    child.closeOutput();
    const [a, b] = [await Guest.join(join(cwd, 'sw.ctl')), await Guest.join(join(cwd, 'sw.ctl'))];
    a.send(frame(broadcast, mac(1)));
    await b.next();
    await child.waitFor(/The capture to '-' ended: its reader has left\n/);
    a.send(frame(broadcast, mac(1)));
    await b.next();
  });

  test('comes live over the console, until the switch ends', async () => {
    const { cwd, child, guests } = await start(2);
    const [a, b] = guests as [Guest, Guest];
    const file = join(cwd, 'live.pcapng');
    const stdout = openSync(file, 'w');
    const client = spawnTool('switchctl', ['-s', 'con', 'capture'], { cwd, stdout });
    closeSync(stdout);
    await grown(file, 0);
    const head = readFileSync(file).length;
    a.send(frame(broadcast, mac(1)));
    await b.next();
    await grown(file, head);
    expect((await read(file)).length).toBe(1); // complete while it goes on
    b.send(frame(mac(1), mac(2)));
    await a.next();
    await child.kill();
    expect(await client.exit()).toMatchObject({ status: 0, stderr: '' });
    expect((await read(file)).map(({ port }) => port)).toEqual(['port 5', 'port 6']);
  });

  test('whose reader stands still costs the guests nothing; what it missed is counted', async () => {
    const { cwd, child, guests, ask } = await start(2);
    const [a, b] = guests as [Guest, Guest];
    const still = await ConsoleClient.connect(join(cwd, 'con'));
    const reply = await still.ask(['capture'], 'text');
    if (reply.kind !== 'stream') throw new Error(reply.text);
    while (reply.socket.read(4) === null) await once(reply.socket, 'readable'); // it has begun; nobody reads on
    for (let n = 0; n < 1000; n++) {
      await a.sendPatiently(frame(broadcast, mac(1), 16_000));
      expect((await b.next()).length).toBe(16_000);
    }
    const row = /^ *(\d+) +(\d+) +all ports/m.exec(await ask('capture', 'list'));
    expect(Number(row?.[2])).toBeGreaterThan(0);
    expect(Number(row?.[1]) + Number(row?.[2])).toBe(1000);
    const outcome = await child.kill();
    expect(outcome.signal).toBe('SIGTERM');
    still.close();
  });
});

describe('a capture that can not be', () => {
  test.each([
    ['nodir/x.pcapng', 'No such file or directory'],
    ['/dev/full', 'No space left on device'],
    ['/', 'Is a directory'],
  ])('%s: one line, status 1, nothing left behind', async (file, reason) => {
    const cwd = temporaryDirectory();
    const outcome = await runTool('uml_switch', ['-unix', 'sw.ctl', '--pcap', file], { cwd });
    expect(outcome).toEqual({ status: 1, signal: null, stdout: '', stderr: `uml_switch: ${file}: ${reason}\n` });
    expect(existsSync(join(cwd, 'sw.ctl'))).toBe(false);
  });

  test('a terminal', async () => {
    const path = join(temporaryDirectory(), 'sw.ctl');
    await using terminal = onTerminal(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), join(root, 'src/main.ts'), 'uml_switch', '-unix', path, '--pcap', '-'],
      {},
    );
    expect(await terminal.exit()).toEqual({ status: 1, signal: null });
    await terminal.waitFor(/standard output: a capture is not for a terminal/);
  });
});
