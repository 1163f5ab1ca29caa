// SPDX-License-Identifier: GPL-2.0-or-later

import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../../support/run.ts';

const BUILD = join(import.meta.dirname, '../../../src/emulator/guest/build.ts');

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  'a build that %s ends says so in a line, exits with %i and leaves no half result',
  async (signal, status) => {
    const cache = temporaryDirectory();
    const guest = join(cache, 'guest');
    const child = spawn(process.execPath, ['--import', 'tsx', BUILD], {
      env: { ...process.env, UML_CACHE_DIR: cache },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (part) => (output += part));
    child.stderr.on('data', (part) => (output += part));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));

    await expect.poll(() => existsSync(join(guest, 'kernel.log'))).toBe(true);
    child.kill(signal);
    expect(await ended).toBe(status);
    expect(output).toBe('guest: interrupted: nothing was left behind, and the next run starts anew\n');
    expect(readdirSync(guest)).toEqual(['kernel.log']);
  },
);
