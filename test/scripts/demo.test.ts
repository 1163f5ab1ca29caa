import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Outcome, root, runProgram, temporaryDirectory } from '../support/run.ts';

const TIMEOUT = 240_000;

function demo(temporary: string, before: readonly string[] = []): Promise<Outcome> {
  const env = { TMPDIR: temporary, PATH: [...before, process.env.PATH].join(':') };
  return runProgram(process.execPath, [join(root, 'scripts/demo/index.ts')], { env, timeout: TIMEOUT });
}

test('the demo does what it tells, and leaves nothing behind', { timeout: TIMEOUT }, async () => {
  const temporary = temporaryDirectory();
  const { status, stdout, stderr } = await demo(temporary);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/host% uml_mconsole debian1 config ubdb=swap\nOK/);
  expect(stdout).toMatch(/\nAll of it worked, in \d+ s/);
  expect(readdirSync(temporary)).toEqual([]);
});

test('the demo fails loudly when a step does, and leaves nothing behind', async () => {
  const temporary = temporaryDirectory();
  const programs = temporaryDirectory();
  writeFileSync(join(programs, 'ln'), '#!/bin/sh\necho ln: broken >&2; exit 4\n');
  chmodSync(join(programs, 'ln'), 0o755);
  const { status, stdout, stderr } = await demo(temporary, [programs]);
  expect(status).toBe(1);
  expect(stdout).toContain('uml_switch attached to unix socket');
  expect(stderr).toMatch(/^\ndemo: 'ln -s .*' ended with status 4\n$/);
  expect(readdirSync(temporary)).toEqual([]);
});
