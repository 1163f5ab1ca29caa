import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import chalk from 'chalk';
import { root } from '../build/paths.ts';
import { type Child, type Outcome, run, start } from '../support/child.ts';
import { GuestShell } from '../support/guest-shell.ts';

/** Boot messages shown at the start and the end of a boot; what is between them is counted. */
const BOOT_LINES = { first: 3, last: 4 };

/** An instance that was booted on the stage. */
export interface Guest {
  umid: string;
  child: Child;
  shell: GuestShell;
}

/**
 * Where the demo plays: a directory of its own, which is also the home, and the built tools first in PATH. It shows each
 * command as it is typed and what it prints, and throws when something is not as it should be.
 */
export class Stage {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'uml-demo-'));
  readonly #env = { HOME: this.directory, PATH: [join(root, 'dist/bin'), process.env.PATH].join(delimiter) };
  readonly #children: Child[] = [];
  #steps = 0;

  /** Begins a step of the demo. */
  step(text: string): void {
    console.log(`\n${chalk.bold(`${++this.#steps}. ${text}`)}`);
  }

  /** Runs a command on the host. Its output must match, and its status be 0. */
  async host(command: string, expected: RegExp = /^/): Promise<Outcome> {
    this.#typed('host%', command);
    const outcome = await run('/bin/sh', ['-c', command], { cwd: this.directory, env: this.#env });
    const output = outcome.stdout + outcome.stderr;
    shown(output);
    if (outcome.status !== 0)
      throw new Error(`'${command}' ended with ${outcome.signal ?? `status ${outcome.status}`}`);
    demand(command, output, expected);
    return outcome;
  }

  /** Starts a command on the host that goes on running, and waits until it says that it is ready. */
  async background(command: string, ready: RegExp): Promise<Child> {
    this.#typed('host%', `${command} &`);
    const child = this.#start(command);
    await child.waitFor(ready);
    shown(child.output);
    return child;
  }

  /** Boots instances side by side, and logs in to each: umid and command line. */
  async boot(lines: Readonly<Record<string, string>>): Promise<Guest[]> {
    const guests: Guest[] = [];
    for (const [umid, command] of Object.entries(lines)) {
      this.#typed('host%', command);
      const child = this.#start(command);
      guests.push({ umid, child, shell: new GuestShell(child) });
    }
    for (const { umid, child, shell } of guests) {
      await shell.login();
      console.log(chalk.dim(`(${umid})`));
      shown(bootMessages(child.output));
    }
    return guests;
  }

  /** Types a command in a guest. What it prints must match; without a pattern its status must be 0. */
  async guest({ umid, shell }: Guest, command: string, expected?: RegExp): Promise<string> {
    this.#typed(`${umid}#`, command);
    const output = await shell.run(expected ? `${command}; true` : command);
    shown(output);
    if (expected) demand(command, output, expected);
    return output;
  }

  /** Waits for an instance to end by itself, with status 0. */
  async ended({ umid, child }: Guest): Promise<void> {
    const { status, signal } = await child.exit();
    if (status !== 0) throw new Error(`${umid} ended with ${signal ?? `status ${status}`}:\n${child.output}`);
    console.log(chalk.dim(`(${umid} has ended)`));
  }

  /** Takes everything away again. */
  async clear(): Promise<void> {
    for (const child of this.#children) await child[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #typed(prompt: string, command: string): void {
    console.log(`${chalk.green(prompt)} ${command}`);
  }

  #start(command: string): Child {
    const [file = '', ...args] = command.split(' ');
    const child = start(file, args, { cwd: this.directory, env: this.#env });
    this.#children.push(child);
    return child;
  }
}

function demand(command: string, output: string, expected: RegExp): void {
  if (!expected.test(output)) throw new Error(`'${command}' should have printed ${expected}, not:\n${output}`);
}

function shown(output: string): void {
  if (output.trim() !== '') console.log(output.replaceAll('\r', '').trimEnd());
}

/** The first and the last lines up to the login prompt. */
function bootMessages(output: string): string {
  const prompt = 'login: ';
  const text = output.replaceAll('\r', '');
  const lines = text.slice(0, text.indexOf(prompt) + prompt.length).split('\n');
  const { first, last } = BOOT_LINES;
  if (lines.length <= first + last) return lines.join('\n');
  const between = `  … ${lines.length - first - last} lines …`;
  return [...lines.slice(0, first), between, ...lines.slice(-last)].join('\n');
}
