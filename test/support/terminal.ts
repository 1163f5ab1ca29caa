import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { openPty, readFd, watch, writeFd } from '../../src/lib/os/index.ts';

/** A program on a terminal of its own. */
export interface TerminalSession extends AsyncDisposable {
  /** What the program has written, with the terminal's echo. */
  readonly screen: string;
  type(text: string): void;
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** Its end, when all that it has written is on the screen. */
  exit(): Promise<{ status: number | null; signal: NodeJS.Signals | null }>;
  /** Takes the terminal away, as a window that is closed. */
  hangUp(): void;
}

/** Runs a program on a new pseudo-terminal, in a session of its own, so that control-C reaches it. */
export function onTerminal(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): TerminalSession {
  const { master, slave } = openPty();
  const fd = openSync(slave, constants.O_RDWR | constants.O_NOCTTY);
  const child: ChildProcess = spawn('setsid', ['--ctty', '--wait', file, ...args], {
    stdio: [fd, fd, fd],
    env: { ...process.env, TERM: 'vt100', ...env },
  });
  closeSync(fd);
  let screen = '';
  const waiters = new Set<() => void>();
  const wake = () => {
    for (const waiter of [...waiters]) waiter();
  };
  let tellSilent = (): void => {};
  /** Nobody will write any more, or is listened to. */
  const silent = new Promise<void>((resolve) => {
    tellSilent = resolve;
  });
  const buffer = Buffer.alloc(4096);
  const watcher = watch(master, {
    readable() {
      try {
        const length = readFd(master, buffer);
        if (length === undefined) return;
        screen += buffer.toString('utf8', 0, length);
      } catch {
        watcher.set({}); // EIO: nobody has the terminal open any more
        tellSilent();
      }
      wake();
    },
  });
  let connected = true;
  const hangUp = () => {
    if (!connected) return;
    connected = false;
    watcher.close();
    closeSync(master);
    tellSilent();
  };
  const ended = new Promise<{ status: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (status, signal) => void silent.then(() => resolve({ status, signal })));
  });
  return {
    get screen() {
      return screen;
    },
    type(text) {
      writeFd(master, Buffer.from(text));
    },
    waitFor(pattern) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(screen);
          if (!match) return;
          waiters.delete(look);
          resolve(match);
        };
        waiters.add(look);
        void ended.then((end) => reject(new Error(`ended ${JSON.stringify(end)} without ${pattern}: ${screen}`)));
        look();
      });
    },
    exit: () => ended,
    hangUp,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      hangUp();
    },
  };
}
