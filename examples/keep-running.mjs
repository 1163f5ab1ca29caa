#!/usr/bin/env node
// @ts-check
// Keeps an instance running: starts it, watches it, and starts it again when it panics, is killed or hangs.
//
//     node examples/keep-running.mjs UMID PROGRAM [WORD...]
//     node examples/keep-running.mjs debian linux mem=64M ubda=cow,root_fs con=null con0=null
//
// A guest that halts is left halted. SIGTERM and SIGINT halt the guest and end the watch.
// CHECK_SECONDS (default 10) is how often the instance is asked whether it still answers, and how long it may take.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, notifications, waitFor } from 'uml-utilities/mconsole';

const [umid, program, ...words] = process.argv.slice(2);
if (umid === undefined || program === undefined) {
  console.error('usage: node keep-running.mjs UMID PROGRAM [WORD...]');
  process.exit(2);
}
const interval = Number(process.env.CHECK_SECONDS ?? 10) * 1000;
const directory = mkdtempSync(join(tmpdir(), 'keep-running-'));
const socket = join(directory, 'notify');
const over = new AbortController();

for (const name of ['SIGTERM', 'SIGINT']) {
  process.once(name, () => {
    over.abort();
    connect(umid)
      .halt()
      .catch(() => child?.kill('SIGKILL'));
  });
}

/** @type {import('node:child_process').ChildProcess | undefined} */
let child;
const heard = notifications(socket);
void report();
try {
  for (let start = 1; !over.signal.aborted; start++) {
    const { status, signal } = await run();
    say(`ended with ${signal ?? `status ${status}`}`);
    if (status === 0) break;
    if (!over.signal.aborted) say(`starting again, for the ${start + 1}. time`);
  }
} finally {
  await heard.return?.();
  rmSync(directory, { recursive: true, force: true });
}

/** One life of the instance. */
async function run() {
  const ended = new AbortController();
  child = spawn(program ?? '', [...words, `umid=${umid}`, `mconsole=notify:${socket}`], { stdio: 'inherit' });
  const exit = once(child, 'exit');
  void watch(child, ended.signal);
  const [status, signal] = await exit;
  ended.abort();
  return { status, signal };
}

/**
 * Asks the instance again and again; one that does not come up, or no longer answers, is killed.
 * @param {import('node:child_process').ChildProcess} instance
 * @param {AbortSignal} signal
 */
async function watch(instance, signal) {
  try {
    const { socketPath } = await waitFor(umid ?? '', { signal });
    const console = connect(socketPath, { timeout: interval });
    say(`is up: ${(await console.version()).release}, ${Math.round((await console.memory()) / 2 ** 20)}M`);
    while (!signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, interval).unref());
      if (!signal.aborted) await console.version();
    }
  } catch (error) {
    if (signal.aborted) return;
    say(`does not answer: ${error instanceof Error ? error.message : error}`);
    instance.kill('SIGKILL');
  }
}

/** Passes on what the instance tells of itself. */
async function report() {
  for await (const notification of heard) {
    if (notification.type === 'panic') say(`panics: ${notification.message}`);
    if (notification.type === 'user') say(`says: ${Buffer.from(notification.data).toString().trimEnd()}`);
  }
}

/** @param {string} what */
function say(what) {
  console.log(`${umid} ${what}`);
}
