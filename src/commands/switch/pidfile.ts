import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { errorText, hasCode } from '../../lib/os/index.ts';

/** The file can't be had; the message is one line. */
export class PidFileError extends Error {
  override readonly name = 'PidFileError';
}

/** A file with the number of this process, for others to find it. */
export class PidFile {
  readonly #path: string;
  readonly #absolute: string;
  #written = false;

  /** @throws PidFileError if it is that of a process that is alive */
  constructor(path: string) {
    this.#path = path;
    this.#absolute = resolve(path);
    this.#checkFree();
  }

  /** Appears whole, and never in place of another process's. @throws PidFileError */
  write(): void {
    const fresh = `${this.#absolute}.${process.pid}`;
    try {
      writeFileSync(fresh, `${process.pid}\n`, { flag: 'wx', mode: 0o644 });
      try {
        this.#checkFree();
        linkSync(fresh, this.#absolute);
        this.#written = true;
      } finally {
        unlinkSync(fresh);
      }
    } catch (error) {
      throw error instanceof PidFileError ? error : new PidFileError(`${this.#path}: ${errorText(error)}`);
    }
  }

  /** Removes the file, if it is still ours. */
  remove(): void {
    if (!this.#written) return;
    this.#written = false;
    try {
      if (this.#read() === process.pid) unlinkSync(this.#absolute);
    } catch {
      // somebody has removed it
    }
  }

  /** Removes a file that a dead process has left. @throws PidFileError */
  #checkFree(): void {
    try {
      const pid = this.#read();
      if (pid !== undefined && pid !== process.pid && isAlive(pid)) {
        throw new PidFileError(`${this.#path}: process ${pid} is alive`);
      }
      if (pid === undefined) throw new PidFileError(`${this.#path} has something else than a process id`);
      unlinkSync(this.#absolute);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return;
      throw error instanceof PidFileError ? error : new PidFileError(`${this.#path}: ${errorText(error)}`);
    }
  }

  /** The number in the file; an empty file was left by a crash. */
  #read(): number | undefined {
    const text = readFileSync(this.#absolute, 'latin1').trim();
    if (text === '') return process.pid;
    return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}
