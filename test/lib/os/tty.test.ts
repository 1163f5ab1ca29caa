import { closeSync, openSync, readlinkSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import {
  closeFd,
  openPty,
  type Pty,
  rawMode,
  readFd,
  setWindowSize,
  watch,
  windowSize,
  writeFd,
} from '../../../src/lib/os/index.ts';
import { runProgram } from '../../support/run.ts';
import { spawnSource } from '../../support/source.ts';

const cleanup: (() => void)[] = [];
afterEach(() => {
  for (const undo of cleanup.splice(0).reverse()) undo();
});

function terminal(): Pty & { fd: number } {
  const pty = openPty();
  const fd = openSync(pty.slave, 'r+');
  cleanup.push(
    () => closeFd(pty.master),
    () => closeSync(fd),
  );
  return { ...pty, fd };
}

async function settings(slave: string): Promise<string> {
  return (await runProgram('stty', ['-a', '-F', slave])).stdout;
}

/** What comes out of a terminal's master within the next events. */
async function output(master: number): Promise<string> {
  return new Promise((resolve) => {
    const buffer = Buffer.alloc(256);
    const watcher = watch(master, {
      readable() {
        watcher.close();
        resolve(buffer.toString('latin1', 0, readFd(master, buffer)));
      },
    });
  });
}

test('a pty is a terminal of its own', () => {
  const first = terminal();
  const second = terminal();
  expect(first.slave).toMatch(/^\/dev\/pts\/\d+$/);
  expect(first.slave).not.toBe(second.slave);
  expect(readlinkSync(`/proc/self/fd/${first.fd}`)).toBe(first.slave);
});

test('the master does not block, and echoes as a terminal does', async () => {
  const { master, fd } = terminal();
  const buffer = Buffer.alloc(16);
  expect(readFd(master, buffer)).toBeUndefined();
  writeFd(master, Buffer.from('typed\r'));
  expect(await output(master)).toBe('typed\r\n');
  expect(buffer.toString('latin1', 0, readFd(fd, buffer))).toBe('typed\n');
});

test('the master tells that the slave is closed', async () => {
  const { master, slave } = openPty();
  cleanup.push(() => closeFd(master));
  closeSync(openSync(slave, 'r+'));
  expect(() => readFd(master, Buffer.alloc(1))).toThrow(expect.objectContaining({ code: 'EIO', syscall: 'read' }));
});

test('raw mode is what `stty raw -echo` does, and is undone to the bit', async () => {
  const { fd, slave, master } = terminal();
  const before = await settings(slave);
  const restore = rawMode(fd);
  const raw = await settings(slave);
  for (const off of ['-icanon', '-isig', '-echo', '-icrnl', '-ixon', '-opost', '-iexten', 'cs8', 'min = 1; time = 0']) {
    expect(raw).toContain(off);
  }
  writeFd(master, Buffer.from('\x03\r'));
  const buffer = Buffer.alloc(16);
  expect(buffer.toString('latin1', 0, readFd(fd, buffer))).toBe('\x03\r');
  restore();
  expect(await settings(slave)).toBe(before);
  restore();
  expect(await settings(slave)).toBe(before);
});

test('restoring neither waits for output that nobody reads nor loses it', async () => {
  const { fd, slave, master } = terminal();
  const before = await settings(slave);
  const restore = rawMode(fd);
  writeFd(fd, Buffer.from('not read by anybody'));
  restore();
  expect(await settings(slave)).toBe(before);
  expect(await output(master)).toBe('not read by anybody');
});

test('what is not a terminal is told so', () => {
  const fd = openSync('/dev/null', 'r');
  cleanup.push(() => closeSync(fd));
  expect(() => rawMode(fd)).toThrow(expect.objectContaining({ code: 'ENOTTY', syscall: 'tcgetattr' }));
  expect(() => windowSize(fd)).toThrow(expect.objectContaining({ code: 'ENOTTY' }));
});

test('the window size is set and read', async () => {
  const { master, fd, slave } = terminal();
  setWindowSize(master, { rows: 50, columns: 132 });
  expect(windowSize(fd)).toEqual({ rows: 50, columns: 132 });
  expect((await runProgram('stty', ['size', '-F', slave])).stdout).toBe('50 132\n');
});

test('a new session has the process as its leader', async () => {
  const child = spawnSource(
    new URL('../../../src/lib/os/index.ts', import.meta.url),
    `import { readFileSync } from 'node:fs';
     const session = () => Number(readFileSync('/proc/self/stat', 'utf8').replace(/^.*\\) /, '').split(' ')[3]);
     const before = session();
     it.newSession();
     console.log(before === process.pid, session() === process.pid);`,
  );
  expect(await child.exit()).toMatchObject({ status: 0, stdout: 'false true\n' });
});
