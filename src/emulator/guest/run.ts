// SPDX-License-Identifier: GPL-2.0-or-later

import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { GuestBuildError } from './errors.ts';
import { toolPath } from './toolchain.ts';

/** What the steps of one build share. */
export interface Job {
  /** The file that takes what the tools print. */
  readonly log: string;
  readonly signal: AbortSignal;
}

/** One call of a tool. */
export interface Step {
  /** A noun phrase for the error text: "the kernel's compilation". */
  name: string;
  command: readonly string[];
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** Text for its standard input; empty by default. */
  input?: string;
  /** Called with every line of its standard output. */
  onLine?: (line: string) => void;
}

/** Our caller's make, npm or shell must not steer the kernel's build. */
function environment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept: NodeJS.ProcessEnv = { PATH: toolPath(), LC_ALL: 'C' };
  for (const name of ['HOME', 'TMPDIR', 'http_proxy', 'https_proxy', 'no_proxy']) {
    if (process.env[name] !== undefined) kept[name] = process.env[name];
  }
  return { ...kept, ...extra };
}

/**
 * Runs a tool to its end and returns its standard output.  Everything that it prints is appended to the job's log.
 *
 * @throws GuestBuildError 'step-failed' if it exits other than with 0, 'interrupted' if the job's signal came.
 */
export async function run(job: Job, step: Step): Promise<string> {
  if (job.signal.aborted) throw new GuestBuildError('interrupted');
  const log = openSync(job.log, 'a');
  try {
    writeSync(log, `\n$ ${step.command.join(' ')}\n`);
    const [tool = '', ...args] = step.command;
    // A process group of its own: make's children have to go with it.
    const child = spawn(tool, args, {
      cwd: step.cwd,
      env: environment(step.env ?? {}),
      detached: true,
    });
    const kill = (): void => {
      if (child.pid !== undefined) killGroup(child.pid);
    };
    job.signal.addEventListener('abort', kill);
    try {
      // A tool that doesn't read its input closes the pipe: not our affair.
      child.stdin.on('error', () => {}).end(step.input ?? '');
      const ended = new Promise<number | null>((resolve, reject) => {
        child.on('error', reject).on('close', resolve);
      });
      child.stderr.on('data', (part: Buffer) => writeSync(log, part));
      const output = collect(child.stdout, log, step.onLine);
      const code = await ended.catch((error: Error) => {
        writeSync(log, `${error.message}\n`);
        return -1;
      });
      if (job.signal.aborted) throw new GuestBuildError('interrupted');
      if (code !== 0) throw new GuestBuildError('step-failed', { step: step.name, log: job.log });
      return await output;
    } finally {
      job.signal.removeEventListener('abort', kill);
    }
  } finally {
    closeSync(log);
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

async function collect(stream: NodeJS.ReadableStream, log: number, onLine?: (line: string) => void): Promise<string> {
  let all = '';
  let rest = '';
  stream.setEncoding('utf8');
  for await (const part of stream) {
    writeSync(log, String(part));
    all += part;
    if (!onLine) continue;
    const lines = (rest + part).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  }
  return all;
}
