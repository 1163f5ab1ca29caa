import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, runProgram } from './run.ts';

async function closing(files: string[]): Promise<{ status: number | null; lastLine: string | undefined }> {
  const config = join(root, 'test/fixtures/closing-line/vitest.config.ts');
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', config, ...files];
  const { status, stdout } = await runProgram(process.execPath, args, { cwd: root });
  return { status, lastLine: stdout.trimEnd().split('\n').at(-1) };
}

test('a run ends with its numbers on a line', async () => {
  expect(await closing(['sound'])).toEqual({ status: 0, lastLine: '2 passed, 0 failed' });
});

test('a failure and a file that could not be loaded count as failed, and so does the run', async () => {
  expect(await closing(['sound', 'failing', 'broken'])).toEqual({ status: 1, lastLine: '3 passed, 2 failed' });
});

test('a run without a test has failed', async () => {
  expect(await closing(['no-such-file'])).toEqual({ status: 1, lastLine: '0 passed, 0 failed' });
});
