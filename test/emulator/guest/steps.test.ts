// SPDX-License-Identifier: GPL-2.0-or-later

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { parsePrintedUri } from '../../../src/emulator/guest/apt.ts';
import { busyboxApplets } from '../../../src/emulator/guest/busybox.ts';
import { GuestBuildError, missingPackages } from '../../../src/emulator/guest/index.ts';
import { buildDate, lostOptions } from '../../../src/emulator/guest/kernel.ts';
import { lock } from '../../../src/emulator/guest/lock.ts';
import { ownerCommands } from '../../../src/emulator/guest/root.ts';
import { type Job, run } from '../../../src/emulator/guest/run.ts';
import { temporaryDirectory } from '../../support/run.ts';

let folder: string;
let abort: AbortController;
let job: Job;

beforeEach(() => {
  folder = temporaryDirectory();
  abort = new AbortController();
  job = { log: join(folder, 'log'), signal: abort.signal };
});

describe('missing tools', () => {
  test('are named by their packages, each once, in one line that cures it', () => {
    const packages = missingPackages(
      (tool) => !['flex', 'mkfs.ext4', 'debugfs', '/usr/include/stdlib.h'].includes(tool),
    );
    expect(packages).toEqual(['e2fsprogs', 'flex', 'libc6-dev']);
    expect(new GuestBuildError('tools-missing', { packages }).message).toBe(
      "the guest can't be built without some tools: apt-get install -y e2fsprogs flex libc6-dev",
    );
  });

  test('are none where everything is there', () => {
    expect(missingPackages(() => true)).toEqual([]);
  });
});

describe('a step', () => {
  test('returns what it printed, and logs it with its errors', async () => {
    const lines: string[] = [];
    const command = ['sh', '-c', 'cat; echo two; echo bad >&2'];
    const output = await run(job, { name: 'a test', command, input: 'one\n', onLine: (line) => lines.push(line) });
    expect(output).toBe('one\ntwo\n');
    expect(lines).toEqual(['one', 'two']);
    const log = readFileSync(job.log, 'utf8');
    for (const part of ['$ sh -c', 'one\n', 'two\n', 'bad\n']) expect(log).toContain(part);
  });

  test.each([
    ['fails', ['false']],
    ['does not exist', ['no-such-tool-anywhere']],
  ])('that %s names itself and the log', async (_, command) => {
    await expect(run(job, { name: 'the test', command })).rejects.toMatchObject({
      code: 'step-failed',
      message: `the test failed (see ${job.log})`,
    });
  });

  test('is steered by nothing in our own environment but where the user is', async () => {
    vi.stubEnv('MAKEFLAGS', '-k');
    vi.stubEnv('ARCH', 'arm');
    const output = await run(job, { name: 'env', command: ['env'], env: { MINE: '1' } });
    vi.unstubAllEnvs();
    expect(output).toContain('MINE=1\n');
    expect(output).not.toMatch(/^(MAKEFLAGS|ARCH)=/m);
  });

  test('dies with all its children when interrupted', async () => {
    const marker = join(folder, 'alive');
    const command = ['sh', '-c', `(while :; do date +%s%N > ${marker}; sleep 0.02; done) & wait`];
    const ended = run(job, { name: 'an endless step', command });
    await expect.poll(() => existsSync(marker)).toBe(true);
    abort.abort();
    await expect(ended).rejects.toMatchObject({ code: 'interrupted' });
    const last = readFileSync(marker, 'utf8');
    await sleep(150);
    expect(readFileSync(marker, 'utf8')).toBe(last);
    await expect(run(job, { name: 'another', command: ['true'] })).rejects.toMatchObject({ code: 'interrupted' });
  });
});

describe('the lock', () => {
  const nobody = (): void => {};

  test('is had by one at a time', async () => {
    const path = join(folder, 'lock');
    const unlock = await lock(path, abort.signal, nobody);
    const waited = vi.fn();
    let second = false;
    const other = lock(path, abort.signal, waited).then((release) => {
      second = true;
      return release;
    });
    await expect.poll(() => waited).toHaveBeenCalledWith(process.pid);
    expect(second).toBe(false);
    unlock();
    (await other)();
    expect(existsSync(path)).toBe(false);
  });

  test.each(['999999999 1', `${process.pid} 1`, 'rubbish', ''])(
    'of a process that is gone (%s) is broken',
    async (text) => {
      const path = join(folder, 'lock');
      writeFileSync(path, text);
      const unlock = await lock(path, abort.signal, nobody);
      unlock();
      expect(existsSync(path)).toBe(false);
    },
  );

  test('is not waited for after an interrupt', async () => {
    const path = join(folder, 'lock');
    const unlock = await lock(path, abort.signal, nobody);
    const other = lock(path, abort.signal, () => abort.abort());
    await expect(other).rejects.toMatchObject({ code: 'interrupted' });
    unlock();
  });
});

describe('small codecs', () => {
  test("apt's printed addresses give name, version and file", () => {
    expect(
      parsePrintedUri("'http://x/libcrypt1_4.4.33-2_i386.deb' libcrypt1_1%3a4.4.33-2_i386.deb 95572 SHA256:0"),
    ).toEqual({ name: 'libcrypt1', version: '1:4.4.33-2', file: 'libcrypt1_1%3a4.4.33-2_i386.deb' });
    expect(parsePrintedUri('Reading package lists...')).toBeUndefined();
  });

  test("busybox's applets are read out of the program", () => {
    const program = Buffer.from('\x7fELF code\0[\0[[\0ar\0busybox\0zcat\0\0more', 'latin1');
    expect(busyboxApplets(program)).toEqual(['[', '[[', 'ar', 'zcat']);
    expect(() => busyboxApplets(Buffer.from('\x7fELF'))).toThrow(RangeError);
  });

  test('the build date reads as date(1) prints it', () => {
    expect(buildDate(Date.UTC(2026, 10, 16, 10, 17, 5))).toBe('Mon Nov 16 10:17:05 UTC 2026');
    expect(buildDate(Date.UTC(2026, 6, 4))).toBe('Sat Jul  4 00:00:00 UTC 2026');
  });

  test('owners are set for every path', () => {
    expect(ownerCommands(['etc', 'home/user'])).toBe(
      [
        'set_inode_field "/etc" uid 0',
        'set_inode_field "/etc" gid 0',
        'set_inode_field "/home/user" uid 1000',
        'set_inode_field "/home/user" gid 1000',
        '',
      ].join('\n'),
    );
  });

  test('options that the kernel did not take are found', () => {
    const fragment = '# words\nCONFIG_A=y\nCONFIG_B="x"\n# CONFIG_C is not set\n# CONFIG_D is not set\nCONFIG_E=y\n';
    expect(lostOptions(fragment, '\nCONFIG_A=y\nCONFIG_B="y"\nCONFIG_C=y\n')).toEqual([
      'CONFIG_B',
      'CONFIG_C',
      'CONFIG_E',
    ]);
  });
});
