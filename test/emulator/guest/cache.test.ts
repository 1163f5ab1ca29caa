// SPDX-License-Identifier: GPL-2.0-or-later

import { chmodSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { cacheFolder, findBuilt, guestCache, hashInputs, recordBuilt } from '../../../src/emulator/guest/cache.ts';
import { buildGuest, findDemoRoot, findGuestKernel } from '../../../src/emulator/guest/index.ts';
import { inputsOf } from '../../../src/emulator/guest/inputs.ts';
import { temporaryDirectory } from '../../support/run.ts';

let folder: string;

beforeEach(() => {
  folder = temporaryDirectory();
  vi.stubEnv('UML_CACHE_DIR', join(folder, 'cache'));
});
afterEach(() => vi.unstubAllEnvs());

/** A finished build as the builder leaves it. */
function finish(kind: 'kernel' | 'root', inputs: string, name: string, ...files: string[]): void {
  mkdirSync(join(guestCache(), name), { recursive: true });
  for (const file of files) writeFileSync(join(guestCache(), name, file), '');
  recordBuilt(kind, inputs, { folder: name, version: '6.1.1-1', release: kind === 'kernel' ? '6.1.1-uml' : '' });
}

describe('the cache folder', () => {
  test('is $UML_CACHE_DIR, else below $XDG_CACHE_HOME, else below the home', () => {
    expect(cacheFolder()).toBe(join(folder, 'cache'));
    vi.stubEnv('UML_CACHE_DIR', '');
    vi.stubEnv('XDG_CACHE_HOME', '/x');
    expect(cacheFolder()).toBe('/x/uml-utilities');
    vi.stubEnv('XDG_CACHE_HOME', '');
    vi.stubEnv('HOME', '/home/someone');
    expect(cacheFolder()).toBe('/home/someone/.cache/uml-utilities');
  });
});

describe('the hash of the inputs', () => {
  const write = (name: string, content: string): string => {
    const path = join(folder, 'in', name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  const hash = (...words: string[]): string => hashInputs([join(folder, 'in')], words);

  test('knows names, contents, executable bits and words, and nothing else', () => {
    const path = write('a/b', 'one');
    const before = hash('w');
    utimesSync(path, 1, 1);
    chmodSync(path, 0o600);
    expect(hash('w')).toBe(before);

    expect(hash('v')).not.toBe(before);
    chmodSync(path, 0o755);
    expect(hash('w')).not.toBe(before);
    chmodSync(path, 0o644);
    expect(hash('w')).toBe(before);
    write('a/b', 'two');
    expect(hash('w')).not.toBe(before);
    rmSync(path);
    write('a/c', 'one');
    expect(hash('w')).not.toBe(before);
  });

  test('does not take the end of one file for the start of the next', () => {
    write('a', 'xy');
    write('b', 'z');
    const before = hash();
    write('a', 'x');
    write('b', 'yz');
    expect(hash()).not.toBe(before);
  });

  test('exists for the kernel and the root file system of this tree', () => {
    expect(inputsOf('kernel')).toMatch(/^[0-9a-f]{16}$/);
    expect(inputsOf('root')).toMatch(/^[0-9a-f]{16}$/);
    expect(inputsOf('root')).not.toBe(inputsOf('kernel'));
  });
});

describe('a record', () => {
  test('is found by its inputs while its file is there', () => {
    finish('kernel', 'aaaa', 'one', 'vmlinux');
    expect(findBuilt('kernel', 'aaaa', 'vmlinux')).toEqual({ folder: 'one', version: '6.1.1-1', release: '6.1.1-uml' });
    expect(findBuilt('kernel', 'bbbb', 'vmlinux')).toBeUndefined();
    expect(findBuilt('root', 'aaaa', 'vmlinux')).toBeUndefined();
    rmSync(join(guestCache(), 'one', 'vmlinux'));
    expect(findBuilt('kernel', 'aaaa', 'vmlinux')).toBeUndefined();
  });

  test.each(['', '{', '[]', 'null', '{"folder":1,"version":"","release":""}'])(
    'that is damaged (%s) is none',
    (text) => {
      finish('kernel', 'aaaa', 'one', 'vmlinux');
      writeFileSync(join(guestCache(), 'kernel-aaaa.json'), text);
      expect(findBuilt('kernel', 'aaaa', 'vmlinux')).toBeUndefined();
    },
  );

  test('that is the newest counts where no inputs are known', () => {
    expect(findBuilt('kernel', undefined, 'vmlinux')).toBeUndefined();
    finish('kernel', 'aaaa', 'old', 'vmlinux');
    finish('kernel', 'bbbb', 'new', 'vmlinux');
    finish('root', 'cccc', 'root', 'root_fs');
    utimesSync(join(guestCache(), 'kernel-aaaa.json'), 1000, 1000);
    expect(findBuilt('kernel', undefined, 'vmlinux')?.folder).toBe('new');
    rmSync(join(guestCache(), 'new'), { recursive: true });
    expect(findBuilt('kernel', undefined, 'vmlinux')?.folder).toBe('old');
  });
});

describe('what the emulator asks for', () => {
  test('is undefined in an empty cache', () => {
    expect(findGuestKernel()).toBeUndefined();
    expect(findDemoRoot()).toBeUndefined();
  });

  test('is found, and building it again costs nothing', async () => {
    finish('kernel', inputsOf('kernel') ?? '', 'k', 'vmlinux', 'config');
    finish('root', inputsOf('root') ?? '', 'r', 'root_fs');
    const vmlinux = join(guestCache(), 'k', 'vmlinux');
    const config = join(guestCache(), 'k', 'config');
    const rootFs = join(guestCache(), 'r', 'root_fs');
    expect(findGuestKernel()).toEqual({ vmlinux, config, release: '6.1.1-uml' });
    expect(findDemoRoot()).toBe(rootFs);

    const steps: string[] = [];
    const guest = await buildGuest({ onProgress: ({ doing }) => steps.push(doing) });
    expect(guest).toEqual({ vmlinux, config, rootFs });
    expect(steps).toEqual([]);
  });
});
