import { type ChildProcess, execFileSync, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Channel, ChannelError, openChannel } from '../../../src/emulator/channels/index.ts';
import {
  openPty,
  readFd,
  setWindowSize,
  statusFlags,
  type Watcher,
  watch,
  writeFd,
} from '../../../src/lib/os/index.ts';
import { root, temporaryDirectory } from '../../support/run.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

function open(spec: string): Channel {
  const channel = openChannel(spec, { kind: 'serial', unit: 3, raw: true });
  if (!channel) throw new Error(`${spec} is no channel`);
  cleanups.push(() => channel.close());
  return channel;
}

/** What a descriptor delivers, collected; `until` resolves with everything so far when it matches. */
class Collector {
  text = '';
  #watcher: Watcher;
  #changed: (() => void)[] = [];

  constructor(fd: number) {
    const buffer = Buffer.alloc(65536);
    this.#watcher = watch(fd, {
      readable: () => {
        const length = readFd(fd, buffer);
        if (length === undefined) return;
        if (length === 0) return this.close();
        this.push(buffer.toString('latin1', 0, length));
      },
    });
    cleanups.push(() => this.close());
  }

  push(text: string): void {
    this.text += text;
    for (const changed of this.#changed.splice(0)) changed();
  }

  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) await new Promise<void>((resolve) => this.#changed.push(resolve));
    return this.text;
  }

  close(): void {
    this.#watcher.close();
  }
}

function openTerminal(path: string): number {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  cleanups.push(() => closeSync(fd));
  return fd;
}

/** Input of a channel, collected. */
function received(channel: Channel): { until: (text: string) => Promise<void> } {
  let text = '';
  let changed = () => {};
  channel.onData = (bytes) => {
    text += Buffer.from(bytes).toString('latin1');
    changed();
  };
  return {
    until: (wanted) =>
      new Promise((resolve) => {
        changed = () => text === wanted && resolve();
        changed();
      }),
  };
}

describe('channels on devices', () => {
  it('makes a pseudo-terminal, says so as UML does, and carries bytes unchanged both ways', async () => {
    const channel = open('pts');
    expect(channel.spec).toBe('pts');
    const path = /^pts:(\/dev\/pts\/\d+)$/.exec(channel.opened)?.[1];
    expect(channel.announcement).toBe(`Serial line 3 assigned device '${path}'`);
    const terminal = openTerminal(path!);
    const input = received(channel);
    writeFd(terminal, Buffer.from('typed\r\u0003\n'));
    await input.until('typed\r\u0003\n');
    const seen = new Collector(terminal);
    channel.write(Buffer.from('login: \n\u00ff', 'latin1'));
    expect(await seen.until(/ÿ/)).toBe('login: \nÿ');
  });

  it('keeps the pseudo-terminal when its user leaves', async () => {
    const channel = open('pty');
    const path = channel.opened.slice('pty:'.length);
    const input = received(channel);
    const first = openSync(path, 'r+');
    writeSync(first, 'one');
    await input.until('one');
    closeSync(first);
    writeFd(openTerminal(path), Buffer.from('two'));
    await input.until('onetwo');
  });

  it('asks the writer to stop when nobody reads, loses nothing and tells it to go on', async () => {
    const channel = open('pts');
    let drained = () => {};
    channel.onDrain = () => drained();
    let written = 0;
    for (let welcome = true; welcome; written += 4096) welcome = channel.write(Buffer.alloc(4096, 'x'));
    expect(written).toBeLessThan(1024 * 1024);
    const drain = new Promise<void>((resolve) => {
      drained = resolve;
    });
    const seen = new Collector(openTerminal(channel.opened.slice('pts:'.length)));
    await drain;
    await channel.flush();
    channel.write(Buffer.from('end'));
    expect((await seen.until(/end/)).length).toBe(written + 3);
  });

  it('stops and restarts input', async () => {
    const channel = open('pts');
    const path = channel.opened.slice('pts:'.length);
    const input = received(channel);
    const terminal = openTerminal(path);
    writeFd(terminal, Buffer.from('a'));
    await input.until('a');
    channel.pause();
    writeFd(terminal, Buffer.from('b'));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await input.until('a');
    channel.resume();
    await input.until('ab');
  });

  it("joins two machines: one's tty on the other's pts", async () => {
    const one = open('pts');
    const other = open(`tty:${one.opened.slice('pts:'.length)}`);
    expect(other.opened).toBe(`tty:${one.opened.slice('pts:'.length)}`);
    expect(other.announcement).toBeUndefined();
    const atOne = received(one);
    const atOther = received(other);
    one.write(Buffer.from('login: '));
    await atOther.until('login: ');
    other.write(Buffer.from('root\n'));
    await atOne.until('root\n');
  });

  it('drops output and has no input on null, and is nothing for none', async () => {
    const channel = open('null');
    expect(channel.opened).toBe('null');
    expect(channel.write(Buffer.alloc(1 << 20))).toBe(true);
    await channel.flush();
    expect(channel.windowSize()).toBeUndefined();
    expect(openChannel('none', { kind: 'console', unit: 1, raw: true })).toBeUndefined();
  });

  it.each([
    ['tty:/dev/nosuch', 'tty:/dev/nosuch : No such file or directory'],
    ['tty:/dev/null', 'tty:/dev/null : not a terminal'],
    ['fd:987', 'fd:987 : Bad file descriptor'],
    ['null,fd:987', 'fd:987 : Bad file descriptor'],
  ])('tells why it can not open %s', (spec, message) => {
    expect(() => open(spec)).toThrow(expect.objectContaining({ name: ChannelError.name, code: 'open', message }));
  });

  it('never takes an event descriptor of Node itself for the user', () => {
    const descriptors = Array.from({ length: 64 }, (_, fd) => fd).filter((fd) => {
      try {
        return execLink(fd).startsWith('anon_inode:[eventpoll]');
      } catch {
        return false;
      }
    });
    expect(descriptors.length).toBeGreaterThan(0);
    for (const fd of descriptors) expect(() => open(`fd:${fd}`)).toThrow('Bad file descriptor');
  });

  it('reads and writes a socket', async () => {
    const child = start(['pipe', 'pipe', 'inherit'], 'fd:0,fd:1'); // what Node gives a child are sockets
    const seen = text(child);
    await seen.until(/ready fd:0,fd:1/);
    child.stdin?.write('hello');
    await seen.until(/HELLO/);
    child.stdin?.write('Q');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

function execLink(fd: number): string {
  return execFileSync('readlink', [`/proc/${process.pid}/fd/${fd}`], { encoding: 'utf8' });
}

let program: string;

/** Bundled, not run by tsx: that touches process.stdout, and Node then makes a pipe there non-blocking. */
beforeAll(async () => {
  program = join(temporaryDirectory(), 'attached.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'attached.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
  });
});

/** Starts attached.ts with these descriptors. */
function start(stdio: StdioOptions, spec = 'fd:0,fd:1'): ChildProcess {
  const env = { ...process.env, NODE_PATH: join(root, 'node_modules') };
  const child = spawn(process.execPath, [program, spec], { stdio, env });
  cleanups.push(() => child.kill('SIGKILL'));
  return child;
}

function text(child: ChildProcess): { until: (pattern: RegExp) => Promise<string> } {
  let all = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    all += bytes.toString('latin1');
    child.emit('text');
  });
  return {
    async until(pattern) {
      while (!pattern.test(all)) await once(child, 'text');
      return all;
    },
  };
}

/** A terminal as a shell has it, with one process on it. */
function onTerminal(): {
  child: ChildProcess;
  seen: Collector;
  type: (text: string) => void;
  master: number;
  slave: number;
} {
  const { master, slave: path } = openPty();
  cleanups.push(() => closeSync(master));
  const slave = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  cleanups.push(() => closeSync(slave));
  setWindowSize(master, { rows: 24, columns: 80 });
  const seen = new Collector(master);
  const child = start([slave, slave, 'pipe']);
  return { child, seen, type: (typed) => writeFd(master, Buffer.from(typed)), master, slave };
}

function modes(slave: number): string {
  return execFileSync('stty', ['-a'], { stdio: [slave, 'pipe', 'inherit'], encoding: 'utf8' });
}

describe('the user’s terminal', () => {
  it('is raw while the channel is open, is never made non-blocking, and is as before afterwards', async () => {
    const { child, seen, type, slave } = onTerminal();
    const before = modes(slave);
    expect(before).toMatch(/ icanon/);
    expect(await seen.until(/ready .*\n/)).toBe('ready fd:0,fd:1 24x80\n'); // raw: no \r before \n
    expect(modes(slave)).toMatch(/-icanon/);
    expect(statusFlags(slave) & constants.O_NONBLOCK).toBe(0);
    type('\u0003\u001a\u0004ls\r');
    await seen.until(/\cC\cZ\cDLS\r/); // control-C, -Z and -D are the guest's
    type('Q');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(modes(slave)).toBe(before);
    expect(statusFlags(slave) & constants.O_NONBLOCK).toBe(0);
  });

  it('is raw again when the process goes on after a stop', async () => {
    const { child, seen, type, slave } = onTerminal();
    const before = modes(slave);
    await seen.until(/ready/);
    child.kill('SIGSTOP');
    execFileSync('stty', ['icanon', 'echo', 'isig', 'icrnl', 'opost'], { stdio: [slave, 'pipe', 'inherit'] });
    child.kill('SIGCONT');
    type('a');
    await seen.until(/A/); // no end of line: a cooked terminal would keep it
    type('Q');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(modes(slave)).toBe(before);
  });

  it('tells the guest of a new size', async () => {
    const { child, seen, type, master } = onTerminal();
    await seen.until(/ready/);
    setWindowSize(master, { rows: 50, columns: 132 });
    child.kill('SIGWINCH');
    await seen.until(/50x132\n/);
    type('Q');
    await once(child, 'exit');
  });

  it('is restored after a signal', async () => {
    const { child, seen, slave } = onTerminal();
    const before = modes(slave);
    await seen.until(/ready/);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(modes(slave)).toBe(before);
  });

  it('is restored after an exception that nobody caught', async () => {
    const { child, seen, type, slave } = onTerminal();
    const before = modes(slave);
    await seen.until(/ready/);
    type('X');
    expect((await once(child, 'exit'))[0]).not.toBe(0);
    expect(modes(slave)).toBe(before);
  });
});

/** Both ends of a real pipe, as a shell's `|` makes it. */
function pipe(): { read: number; write: number } {
  const path = join(temporaryDirectory(), 'fifo');
  execFileSync('mkfifo', [path]);
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const write = openSync(path, 'w');
  cleanups.push(() => closeSync(read));
  return { read, write };
}

describe('stdin and stdout that are no terminal', () => {
  it('goes on when the input pipe ends', async () => {
    const input = pipe();
    const output = pipe();
    const child = start([input.read, output.write, 'inherit']);
    closeSync(output.write);
    const seen = new Collector(output.read);
    writeSync(input.write, 'hello');
    await seen.until(/HELLO/);
    closeSync(input.write);
    child.kill('SIGUSR2');
    await seen.until(/alive/);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('leaves shared pipes blocking', async () => {
    const input = pipe();
    const output = pipe();
    const child = start([input.read, output.write, 'inherit']);
    const seen = new Collector(output.read);
    await seen.until(/ready/);
    expect(statusFlags(output.write) & constants.O_NONBLOCK).toBe(0);
    writeSync(input.write, 'Q');
    expect(await once(child, 'exit')).toEqual([0, null]);
    closeSync(input.write);
    closeSync(output.write);
  });

  it('survives a closed output pipe', async () => {
    const child = start(['pipe', 'pipe', 'inherit']);
    const seen = text(child);
    await seen.until(/ready/);
    child.stdout?.destroy();
    for (let i = 0; i < 20; i++) child.stdin?.write('more and more\n');
    child.stdin?.write('Q');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('reads a file and appends to a file', async () => {
    const directory = temporaryDirectory();
    const script = join(directory, 'in');
    const log = join(directory, 'out');
    writeFileSync(script, `${'line\n'.repeat(3000)}Q`);
    writeFileSync(log, 'before\n');
    const input = openSync(script, 'r');
    const output = openSync(log, 'a');
    const child = start([input, output, 'inherit']);
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(readFileSync(log, 'utf8')).toBe(`before\nready fd:0,fd:1\n${'LINE\n'.repeat(3000)}Q`);
    closeSync(input);
    closeSync(output);
  });

  it('runs with /dev/null on both sides', async () => {
    const child = start(['ignore', 'ignore', 'inherit', 'ipc']);
    await once(child, 'message');
    child.kill('SIGUSR2');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
