import { Readable } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { endProcess, watched, watchOver } from '../../../src/lib/watchdog/index.ts';
import { spawnProgram } from '../../support/run.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** An input that says what the guest says, and what became of the watch so far. */
function watching(timeout: number) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const input = new Readable({ read() {} });
  const state: { outcome: unknown } = { outcome: undefined };
  watchOver(input, timeout).then(
    (outcome) => {
      state.outcome = outcome;
    },
    (error) => {
      state.outcome = error;
    },
  );
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { input, state, settle };
}

test('each byte gives the guest its time anew; silence ends the watch', async () => {
  const { input, state, settle } = watching(60_000);
  for (let minute = 0; minute < 5; minute++) {
    vi.advanceTimersByTime(59_999);
    input.push('\n');
    await settle();
  }
  expect(state.outcome).toBeUndefined();
  vi.advanceTimersByTime(59_999);
  await settle();
  expect(state.outcome).toBeUndefined();
  vi.advanceTimersByTime(1);
  await settle();
  expect(state.outcome).toBe('expired');
});

test('the end of the input ends the watch in peace', async () => {
  const { input, state, settle } = watching(60_000);
  input.push('\n');
  input.push(null);
  await settle();
  await settle();
  expect(state.outcome).toBe('closed');
  expect(vi.getTimerCount()).toBe(0);
});

test('an input that fails', async () => {
  const { input, state, settle } = watching(60_000);
  input.destroy(new Error('broken'));
  await settle();
  expect(state.outcome).toEqual(new Error('broken'));
});

test('a process that ignores SIGINT is killed, one that does not is asked', async () => {
  const stubborn = spawnProgram('sh', ['-c', `trap 'echo interrupted' INT; echo ready; while :; do read x; done`]);
  await stubborn.waitFor('ready');
  const target = watched(stubborn.pid);
  expect(target?.started).toMatch(/^\d+$/);
  if (target) await endProcess(target);
  expect(await stubborn.exit()).toMatchObject({ signal: 'SIGKILL', stdout: 'ready\ninterrupted\ninterrupted\n' });

  const polite = spawnProgram('sleep', ['1000']);
  const other = watched(polite.pid);
  if (other) await endProcess(other);
  expect(await polite.exit()).toMatchObject({ signal: 'SIGINT' });
  expect(watched(polite.pid)).toBeUndefined();
});

test('a pid that is another process by now is left alone', async () => {
  const innocent = spawnProgram('cat', []);
  const target = watched(innocent.pid);
  expect(target).toBeDefined();
  await endProcess({ pid: innocent.pid, started: '1' });
  innocent.end('unharmed');
  expect(await innocent.exit()).toMatchObject({ status: 0, stdout: 'unharmed' });
});
