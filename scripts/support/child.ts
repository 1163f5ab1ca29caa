import { type ChildProcess, spawn } from 'node:child_process';

export interface ChildOptions {
  cwd?: string;
  /** Variables that differ from this process's own; undefined takes one away. */
  env?: Record<string, string | undefined>;
  /** What the program reads; without it, `run` gives it an empty input and `start` a pipe. */
  stdin?: string | Uint8Array;
  /** A descriptor that takes its standard output, which is then not seen here. */
  stdout?: number;
  /** Milliseconds until it is killed and the promise is rejected. */
  timeout?: number;
}

export interface Outcome {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

const DEFAULT_TIMEOUT = 150_000;

/** Runs a program to its end. Rejects if it can't be started or takes longer than `timeout`. */
export async function run(file: string, args: readonly string[], options: ChildOptions = {}): Promise<Outcome> {
  const child = start(file, args, options);
  child.end(options.stdin ?? '');
  return child.exit(options.timeout);
}

/** Starts a program and leaves it running, to be talked to as on a terminal. */
export function start(file: string, args: readonly string[], options: ChildOptions = {}): Child {
  const env = { ...process.env, ...options.env };
  const child = spawn(file, args, { cwd: options.cwd, env, stdio: ['pipe', options.stdout ?? 'pipe', 'pipe'] });
  return new Child(child, [file, ...args].join(' '), options.timeout ?? DEFAULT_TIMEOUT);
}

/** A running program: what it has said so far, and ways to wait for more, to answer and to end it. */
export class Child {
  stdout = '';
  stderr = '';
  /** Both streams in the order in which they arrived. */
  output = '';
  readonly #child: ChildProcess;
  readonly #command: string;
  readonly #timeout: number;
  readonly #outcome: Promise<Outcome>;
  readonly #listeners = new Set<() => void>();
  #ended = false;
  #read = 0;

  constructor(child: ChildProcess, command: string, timeout: number) {
    this.#child = child;
    this.#command = command;
    this.#timeout = timeout;
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        this[stream] += text;
        this.output += text;
        this.#wake();
      });
    }
    child.stdin?.on('error', () => {}); // it ended before it had read all: not our caller's concern
    this.#outcome = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => {
        this.#ended = true;
        resolve({ status, signal, stdout: this.stdout, stderr: this.stderr });
        this.#wake();
      });
    });
    this.#outcome.catch(() => {}); // reported by exit() and waitFor(), whoever asks
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`could not start: ${this.#command}`);
    return this.#child.pid;
  }

  get running(): boolean {
    return !this.#ended;
  }

  /** Waits until the output has this text after the place where the last wait ended, and gives the match. */
  async waitFor(wanted: RegExp | string, timeout = this.#timeout): Promise<RegExpExecArray> {
    const pattern = wanted instanceof RegExp ? wanted : new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    const look = (): RegExpExecArray | undefined => {
      const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(this.output.slice(this.#read));
      if (!match) return undefined;
      this.#read += match.index + match[0].length;
      return match;
    };
    return this.#within(timeout, `no ${pattern} from`, (resolve, reject) => {
      const attempt = (): void => {
        const match = look();
        if (match) resolve(match);
        else if (this.#ended) reject(new Error(`ended without ${pattern}: ${this.#command}\n${this.output}`));
      };
      this.#outcome.catch(reject);
      this.#listeners.add(attempt);
      attempt();
      return () => this.#listeners.delete(attempt);
    });
  }

  /** Types this on its standard input. */
  write(text: string | Uint8Array): void {
    this.#child.stdin?.write(text);
  }

  /** Closes its standard input, after a last piece of text. */
  end(text: string | Uint8Array = ''): void {
    this.#child.stdin?.end(text);
  }

  /** Stops reading its standard output, as a reader that leaves. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  /** Waits for the program to end by itself. Kills it and rejects if it takes longer than `timeout` ms. */
  exit(timeout = this.#timeout): Promise<Outcome> {
    return this.#within(timeout, 'still running:', (resolve, reject) => {
      this.#outcome.then(resolve, reject);
      return () => {};
    });
  }

  /** Sends a signal and waits for the end. Harmless when the program has ended. */
  kill(signal: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> {
    if (!this.#ended) this.#child.kill(signal);
    return this.exit();
  }

  /** Sends a signal that it should survive. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.kill('SIGKILL');
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #within<T>(
    timeout: number,
    complaint: string,
    begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
  ): Promise<T> {
    let cancel = (): void => {};
    let timer: NodeJS.Timeout | undefined;
    return new Promise<T>((resolve, reject) => {
      timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        reject(new Error(`${complaint} ${this.#command} after ${timeout} ms\n${this.output}`));
      }, timeout);
      cancel = begin(resolve, reject);
    }).finally(() => {
      clearTimeout(timer);
      cancel();
    });
  }
}
