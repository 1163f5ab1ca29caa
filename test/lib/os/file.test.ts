import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  blockDeviceSize,
  copyFileRange,
  duplicateFd,
  koffi,
  lockFile,
  lockHolder,
  OsError,
  punchHole,
  readCached,
  readFd,
  seekData,
  seekHole,
  setNonBlocking,
  setStatusFlags,
  statusFlags,
  unlockFile,
  writeFd,
} from '../../../src/lib/os/index.ts';
import { type Child, root, runProgram, temporaryDirectory } from '../../support/run.ts';
import { spawnSource } from '../../support/source.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
});

function opened(path: string, flags: string | number = 'w+'): number {
  const fd = openSync(path, flags);
  open.push(fd);
  return fd;
}

function file(): { fd: number; path: string } {
  const path = join(temporaryDirectory(), 'file');
  return { fd: opened(path), path };
}

describe('holes', () => {
  /** 8 GiB of hole with 64 KiB of data at 5 GiB: past what 32 bits can say. */
  function sparse(): number {
    const { fd } = file();
    ftruncateSync(fd, 8 * GIB);
    writeSync(fd, Buffer.alloc(65_536, 1), 0, 65_536, 5 * GIB);
    return fd;
  }

  test('data and holes are found beyond 4 GiB', () => {
    const fd = sparse();
    expect(seekData(fd, 0)).toBe(5 * GIB);
    expect(seekHole(fd, 0)).toBe(0);
    expect(seekHole(fd, 5 * GIB)).toBe(5 * GIB + 65_536);
    expect(seekData(fd, 5 * GIB + 65_536)).toBeUndefined();
    expect(seekHole(fd, 8 * GIB)).toBeUndefined();
    expect(seekData(fd, 9 * GIB)).toBeUndefined();
  });

  test('a punched hole reads as zeros, gives its blocks back and leaves the length', () => {
    const { fd } = file();
    writeSync(fd, Buffer.alloc(4 * MIB, 1));
    const before = fstatSync(fd).blocks;
    punchHole(fd, MIB, 2 * MIB);
    expect(fstatSync(fd).size).toBe(4 * MIB);
    expect(before - fstatSync(fd).blocks).toBe((2 * MIB) / 512);
    expect([seekHole(fd, 0), seekData(fd, MIB)]).toEqual([MIB, 3 * MIB]);
    const bytes = Buffer.alloc(4);
    readSync(fd, bytes, 0, 4, MIB - 2);
    expect([...bytes]).toEqual([1, 1, 0, 0]);
  });

  test('what is not a file has no holes', () => {
    const pipe = opened('/dev/ptmx', 'r+');
    expect(() => seekData(pipe, 0)).toThrow(expect.objectContaining({ syscall: 'lseek', code: 'ESPIPE' }));
    expect(() => punchHole(pipe, 0, 1)).toThrow(OsError);
  });
});

test('copy_file_range copies inside the kernel, from and to any place, and 0 bytes at the end', () => {
  const from = file();
  const to = file();
  writeSync(from.fd, 'The quick brown fox');
  expect(copyFileRange(from.fd, 4, to.fd, 5 * GIB, 5)).toBe(5);
  expect(copyFileRange(from.fd, 16, to.fd, 0, 100)).toBe(3);
  expect(copyFileRange(from.fd, 19, to.fd, 0, 100)).toBe(0);
  const bytes = Buffer.alloc(5);
  readSync(to.fd, bytes, 0, 5, 5 * GIB);
  expect(bytes.toString()).toBe('quick');
  readSync(to.fd, bytes, 0, 3, 0);
  expect(bytes.toString('latin1', 0, 3)).toBe('fox');
  const readOnly = opened(from.path, 'r');
  expect(() => copyFileRange(to.fd, 0, readOnly, 0, 1)).toThrow(expect.objectContaining({ code: 'EBADF' }));
});

test('what was just read is in the page cache, and is read from there', () => {
  // Of the project itself: temporary files may be on a tmpfs, which can't tell.
  const path = join(root, 'package.json');
  const text = readFileSync(path);
  const fd = opened(path, 'r');
  const bytes = Buffer.alloc(8);
  expect(readCached(fd, bytes.subarray(1, 4), 2)).toBe(3);
  expect(bytes).toEqual(Buffer.concat([Buffer.alloc(1), text.subarray(2, 5), Buffer.alloc(4)]));
  expect(readCached(fd, bytes, text.length)).toBe(0);
});

test('only a block device has the size of one', () => {
  const { fd } = file();
  expect(() => blockDeviceSize(fd)).toThrow(expect.objectContaining({ syscall: 'ioctl', code: 'ENOTTY' }));
});

describe('descriptors that may block', () => {
  async function fifo(): Promise<{ reader: number; writer: number }> {
    const path = join(temporaryDirectory(), 'fifo');
    await runProgram('mkfifo', [path]);
    const reader = opened(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return { reader, writer: opened(path, 'w') };
  }

  test('undefined stands for "not now", 0 for the end', async () => {
    const { reader, writer } = await fifo();
    const buffer = Buffer.alloc(8);
    expect(readFd(reader, buffer)).toBeUndefined();
    expect(writeFd(writer, Buffer.from('hello'))).toBe(5);
    expect(readFd(reader, buffer.subarray(0, 2))).toBe(2);
    expect(readFd(reader, buffer)).toBe(3);
    closeSync(open.pop() as number);
    expect(readFd(reader, buffer)).toBe(0);
  });

  test('setNonBlocking changes the open file, and its flags can be put back', async () => {
    const { writer } = await fifo();
    const flags = statusFlags(writer);
    const other = duplicateFd(writer);
    open.push(other);
    setNonBlocking(other);
    expect(statusFlags(writer) & constants.O_NONBLOCK).toBe(constants.O_NONBLOCK);
    while (writeFd(writer, Buffer.alloc(65_536)) !== undefined);
    setStatusFlags(writer, flags);
    expect(statusFlags(other)).toBe(flags);
  });

  test('a duplicate is closed on exec', () => {
    const { fd } = file();
    const other = duplicateFd(fd);
    open.push(other);
    expect(readFileSync(`/proc/self/fdinfo/${other}`, 'utf8')).toMatch(/^flags:\s+0?2\d{6}$/m);
  });
});

describe('locks', () => {
  const os = new URL('../../../src/lib/os/index.ts', import.meta.url);

  /** Another process that holds a lock on a file until its input ends. */
  async function holder(path: string, type: 'read' | 'write'): Promise<Child> {
    const child = spawnSource(
      os,
      `import { openSync } from 'node:fs';
       const fd = openSync(${JSON.stringify(path)}, 'r+');
       console.log(it.lockFile(fd, '${type}') === undefined ? 'locked' : 'refused');
       process.stdin.on('end', () => { it.unlockFile(fd); console.log('unlocked'); setInterval(() => {}, 1000); }).resume();`,
    );
    await child.waitFor(/locked|refused/);
    expect(child.stdout).toBe('locked\n');
    return child;
  }

  test('a write lock of another process shows its pid, until it lets go', async () => {
    const { fd, path } = file();
    expect(lockHolder(fd, 'write')).toBeUndefined();
    const other = await holder(path, 'write');
    expect(lockFile(fd, 'write')).toBe(other.pid);
    expect(lockFile(fd, 'read')).toBe(other.pid);
    expect(lockHolder(fd, 'read')).toBe(other.pid);
    other.end();
    await other.waitFor(/unlocked/);
    expect(lockFile(fd, 'write')).toBeUndefined();
    await other.kill('SIGKILL');
  });

  test('a lock goes with its process', async () => {
    const { fd, path } = file();
    const other = await holder(path, 'write');
    await other.kill('SIGKILL');
    expect(lockFile(fd, 'write')).toBeUndefined();
  });

  test('readers share, a writer waits for all of them', async () => {
    const { fd, path } = file();
    const other = await holder(path, 'read');
    expect(lockFile(fd, 'read')).toBeUndefined();
    expect(lockFile(fd, 'write')).toBe(other.pid);
    await other.kill('SIGKILL');
    expect(lockFile(fd, 'write')).toBeUndefined();
    unlockFile(fd);
  });

  test("an open file's lock, which has no pid, is told by 0", () => {
    const { fd, path } = file();
    const F_OFD_SETLK = 37;
    const fcntl = koffi().load('libc.so.6').func('fcntl', 'int', ['int', 'int', 'void *']);
    const wholeFileForWriting = Buffer.alloc(32);
    wholeFileForWriting.writeInt16LE(1, 0);
    expect(fcntl(opened(path, 'r+'), F_OFD_SETLK, wholeFileForWriting)).toBe(0);
    expect(lockFile(fd, 'write')).toBe(0);
    expect(lockHolder(fd, 'read')).toBe(0);
  });

  test('a write lock needs a descriptor that can write', () => {
    const { path } = file();
    expect(() => lockFile(opened(path, 'r'), 'write')).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });
});
