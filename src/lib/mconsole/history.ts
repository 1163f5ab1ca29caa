import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Lines that are kept; the file may have twice as many before it is cut. */
const KEPT = 500;

/**
 * The lines typed in earlier runs, in a file of the user's. Each line is added as it is typed, so that several sessions
 * can have the same file. A file that can't be read or written is no reason not to go on: there is just no history.
 */
export class History {
  readonly path: string;
  /** The oldest first. */
  readonly lines: readonly string[];
  private last: string | undefined;

  constructor(path: string) {
    this.path = path;
    const all = readLines(path);
    this.lines = all.slice(-KEPT);
    this.last = all.at(-1);
    if (all.length > 2 * KEPT) replace(path, this.lines);
  }

  /** Adds a line, unless it is empty or the one before once more. */
  add(line: string): void {
    if (line.trim() === '' || line === this.last) return;
    this.last = line;
    try {
      appendFileSync(this.path, `${line}\n`, { mode: 0o600 });
    } catch {
      // a read-only home, a full disk
    }
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}

function replace(path: string, lines: readonly string[]): void {
  try {
    const fresh = `${path}.${process.pid}`;
    writeFileSync(fresh, `${lines.join('\n')}\n`, { mode: 0o600 });
    renameSync(fresh, path);
  } catch {
    // as above
  }
}
