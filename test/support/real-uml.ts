/** Debian's real UML kernel (`linux.uml`) as a fixture: the other side of interoperation tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { NetworkNamespace } from './namespace.ts';
import { packagesMissingForRealUml, rootImage, shim } from './real-uml-parts.ts';

export { packagesMissingForRealUml } from './real-uml-parts.ts';

const READY = '@@ready@@';
const BOOT_TIMEOUT = 150_000;
const COMMAND_TIMEOUT = 150_000;
const STOP_TIMEOUT = 60_000;

export interface RealUmlOptions {
  /** More words for its command line, e.g. `ubdb=file`, `eth0=daemon,,unix,/tmp/sw.ctl`. */
  args?: readonly string[];
  /** Default: `uml` and the number of this instance in the process. */
  umid?: string;
  /** Default `64M`. */
  mem?: string;
  /** Value of `ubda=` instead of a fresh COW file over the test image. It must hold the test image's files. */
  ubda?: string;
  /** `unlocked`: of a rebooting instance, the driver's thread from before may still hold the lock on its COW file. */
  lock?: 'unlocked';
  /** Working directory, default the instance's own home. */
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** Where it runs. */
  namespace?: NetworkNamespace;
}

export interface RealUml {
  readonly umid: string;
  /** Its own HOME, a fresh temporary directory, removed at stop. */
  readonly home: string;
  /** `<home>/.uml/<umid>/mconsole`. */
  readonly socket: string;
  /** The COW file of its root, `<home>/root.cow`; its backing file is the shared test image. */
  readonly cow: string;
  readonly pid: number;
  /** All that it printed so far: boot messages, kernel messages, the shell on con0, and the host side's stderr. */
  readonly output: string;
  /** Its end: the status, or the signal that killed it. */
  readonly exited: Promise<{ status: number | null; signal: NodeJS.Signals | null }>;
  /** Runs a shell command in the guest. What it wrote to stdout and stderr; an Error where it failed. */
  command(line: string): Promise<string>;
  /** Waits until the output matches; gives the match. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** Waits until the guest has booted this many times (1 at start; 2 after a reboot). */
  waitForBoot(count: number): Promise<void>;
  /** Types on con0. */
  type(text: string): void;
  /** Powers it off in an orderly way, by force if it does not answer, and removes all that belongs to it. */
  stop(): Promise<void>;
  /** SIGKILL for it and its helpers, at once. Its home stays until `stop`. */
  kill(): Promise<void>;
}

let instances = 0;

/** Boots an instance and waits for its shell. */
export async function startRealUml(options: RealUmlOptions = {}): Promise<RealUml> {
  const missing = packagesMissingForRealUml();
  if (missing.length > 0) throw new Error(`real UML needs: apt-get install ${missing.join(' ')}`);
  const uml = new Instance(options, shim(), rootImage());
  try {
    await uml.waitForBoot(1);
  } catch (error) {
    await uml.kill();
    uml.forget();
    throw error;
  }
  return uml;
}

class Instance implements RealUml {
  readonly umid: string;
  readonly home = mkdtempSync(join(tmpdir(), 'real-uml-'));
  readonly socket: string;
  readonly cow = join(this.home, 'root.cow');
  readonly pid: number;
  readonly exited: RealUml['exited'];
  output = '';
  private readonly child: ChildProcess;
  private readonly control: Writable;
  private answers = '';
  private boots = 0;
  private commands = 0;
  private lastCommand: Promise<unknown> = Promise.resolve();
  private ended: string | undefined;
  private readonly waiters = new Set<() => void>();
  private readonly killAtExit = () => this.killAll();

  constructor(options: RealUmlOptions, preload: string, image: string) {
    this.umid = options.umid ?? `uml${++instances}`;
    this.socket = join(this.home, '.uml', this.umid, 'mconsole');
    const words = [
      `mem=${options.mem ?? '64M'}`,
      `${options.lock === 'unlocked' ? 'ubdac' : 'ubda'}=${options.ubda ?? `${this.cow},${image}`}`,
      `umid=${this.umid}`,
      ...['con=null', 'ssl=null', 'con0=fd:0,fd:1', 'con15=fd:3,fd:4'],
      ...(options.args ?? []),
    ];
    const [file, ...all] = options.namespace?.inside('linux.uml', ...words) ?? ['linux.uml', ...words];
    this.child = spawn(file, all, {
      cwd: options.cwd ?? this.home,
      env: { PATH: process.env.PATH, ...options.env, HOME: this.home, LD_PRELOAD: preload },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      detached: true, // a process group of its own, which holds its helpers
    });
    this.pid = this.child.pid ?? 0;
    this.control = this.child.stdio[3] as Writable;
    process.once('exit', this.killAtExit);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.wake();
      });
    }
    (this.child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => this.hear(text));
    for (const stream of [this.child.stdin, this.control]) stream?.on('error', () => {}); // EPIPE once it is gone
    this.exited = new Promise((resolve) => {
      const end = (status: number | null, signal: NodeJS.Signals | null) => {
        this.ended = signal ?? `status ${status}`;
        resolve({ status, signal });
        this.wake();
      };
      this.child.once('exit', end);
      this.child.once('error', (error) => {
        this.output += `${error.message}\n`;
        end(null, null);
      });
    });
  }

  command(line: string): Promise<string> {
    const run = this.lastCommand.then(() => this.runCommand(line));
    this.lastCommand = run.catch(() => {});
    return run;
  }

  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    return this.until(`output that matches ${pattern}`, COMMAND_TIMEOUT, () => pattern.exec(this.output) ?? undefined);
  }

  async waitForBoot(count: number): Promise<void> {
    await this.until(`boot ${count}`, BOOT_TIMEOUT, () => this.boots >= count || undefined);
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  async stop(): Promise<void> {
    if (this.ended === undefined) this.control.write('sync; mount -o remount,ro /; poweroff -f\n');
    await this.until('its end', STOP_TIMEOUT, () => this.ended).catch(() => {});
    await this.kill();
    this.forget();
  }

  async kill(): Promise<void> {
    this.killAll();
    await this.exited;
    this.killAll(); // helpers that it started in the meantime
  }

  /** Removes what an ended instance leaves behind. */
  forget(): void {
    process.off('exit', this.killAtExit);
    rmSync(this.home, { recursive: true, force: true });
  }

  private async runCommand(line: string): Promise<string> {
    const mark = `@@done-${++this.commands}:`;
    const from = this.answers.length;
    // The subshell keeps an `exit` or a syntax error of the command from ending the shell.
    this.control.write(`( eval ${quote(line)} ) </dev/null 2>&1; echo "${mark}$?@@"\n`);
    return this.until(`the end of the command '${line}'`, COMMAND_TIMEOUT, () => {
      const end = this.answers.indexOf(mark, from);
      const status = end < 0 ? undefined : /^(\d+)@@/.exec(this.answers.slice(end + mark.length))?.[1];
      if (status === undefined) return undefined;
      const text = this.answers.slice(from, end).replace(/^\n/, '');
      if (status !== '0') throw new Error(`in ${this.umid}: '${line}' ended with status ${status}: ${text}`);
      return text;
    });
  }

  private hear(text: string): void {
    this.answers += text;
    for (let at = this.answers.indexOf(READY); at >= 0; at = this.answers.indexOf(READY)) {
      this.answers = this.answers.slice(at + READY.length);
      this.boots += 1;
    }
    this.wake();
  }

  private wake(): void {
    for (const waiter of [...this.waiters]) waiter();
  }

  /** Waits until `test` gives a value, looking again whenever the instance prints something or ends. */
  private until<T>(what: string, timeout: number, test: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        this.waiters.delete(look);
        clearTimeout(timer);
        act();
      };
      const fail = (why: string) =>
        finish(() => reject(new Error(`${this.umid}: ${why} while waiting for ${what}; its output:\n${this.output}`)));
      const look = () => {
        try {
          const value = test();
          if (value !== undefined) finish(() => resolve(value));
          else if (this.ended !== undefined) fail(`it ended by ${this.ended}`);
        } catch (error) {
          finish(() => reject(error));
        }
      };
      const timer = setTimeout(() => fail(`nothing for ${timeout} ms`), timeout);
      this.waiters.add(look);
      look();
    });
  }

  /** SIGKILL for every process whose HOME is this instance's: itself, its threads of I/O, its stubs and helpers. */
  private killAll(): void {
    for (const pid of processesWithHome(this.home)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has just ended
      }
    }
  }
}

function processesWithHome(home: string): number[] {
  const wanted = `HOME=${home}\0`;
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return readFileSync(`/proc/${name}/environ`, 'latin1').includes(wanted) ? [Number(name)] : [];
    } catch {
      return []; // it has just ended, or is not ours
    }
  });
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
