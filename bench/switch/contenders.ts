import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A switch program, and how it differs from the C one. */
export interface Contender {
  name: string;
  /** Its words, for a control socket (vde_switch: a directory with it) and the name of a tap if there is one. */
  command(path: string, tap?: string): string[];
  /** Where clients connect. */
  control(path: string): string;
  /** What swbench needs to know to speak to it. */
  swbenchWords: readonly string[];
}

const binary = fileURLToPath(new URL('../../dist/bin/uml_switch', import.meta.url));
const tapWords = (tap: string | undefined): string[] => (tap === undefined ? [] : ['-tap', tap]);

export const theirs: Contender = {
  name: 'C',
  command: (path, tap) => ['uml_switch', '-unix', path, ...tapWords(tap)],
  control: (path) => path,
  swbenchWords: [],
};

export const ours: Contender = {
  ...theirs,
  name: 'ours',
  command: (...args) => [binary, ...theirs.command(...args).slice(1)],
};

export const vde: Contender = {
  name: 'vde',
  command: (path, tap) => ['vde_switch', '--sock', path, ...tapWords(tap)],
  control: (path) => join(path, 'ctl'),
  swbenchWords: ['-V'],
};

/** A switch that runs. */
export interface Running {
  pid: number;
  /** The control socket. */
  control: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a switch, whose words nobody reads (the C one has a line for every frame that it loses) and whose input is silent:
 * vde_switch has its console there.
 * @param wrapper the words of programs that replace themselves by it, so that the pid stays
 */
export async function startSwitch(
  contender: Contender,
  { wrapper = [], tap }: { wrapper?: readonly string[]; tap?: string } = {},
): Promise<Running> {
  if (!existsSync(binary)) throw new Error('npm run build comes first');
  const directory = mkdtempSync(join(tmpdir(), 'uml-bench-'));
  const path = join(directory, 'ctl');
  const [file = '', ...words] = [...wrapper, ...contender.command(path, tap)];
  const child = spawn(file, words, { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = once(child, 'exit');
  const control = contender.control(path);
  await untilServed(control, child);
  return {
    pid: child.pid ?? 0,
    control,
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** vde_switch says nothing when it is ready: it then takes connections. */
async function untilServed(socket: string, child: ChildProcess): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await takesConnections(socket)); await delay(20)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${child.spawnargs.join(' ')}: no ${socket}`);
  }
}

function takesConnections(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('error', () => resolve(false));
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
  });
}
