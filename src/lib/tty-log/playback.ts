import type { TtyRecord } from './record.ts';

/** What of a log is shown. */
export interface Choice {
  /** Only of this tty; default: of all. */
  tty?: number | undefined;
  /** `output`: what appeared; `traffic`: what was typed too; `execs`: the commands that were run, a line each. */
  what: 'output' | 'traffic' | 'execs';
}

/** The bytes that stand for a record on the screen; undefined where it is not shown. */
export function shown(record: TtyRecord, { tty, what }: Choice): Uint8Array | undefined {
  if (tty !== undefined && record.tty !== tty) return undefined;
  if (record.op === 'exec') return what === 'execs' ? Buffer.concat([commandLine(record.argv), NEWLINE]) : undefined;
  if (what === 'execs') return undefined;
  if (record.op === 'write' || (record.op === 'read' && what === 'traffic')) return record.data;
  return undefined;
}

const NEWLINE = Buffer.from('\n');
const BLANK = Buffer.from(' ');

/** The words of a command with blanks between them. */
export function commandLine(argv: readonly Uint8Array[]): Buffer {
  return Buffer.concat(argv.flatMap((word, index) => (index === 0 ? [word] : [BLANK, word])));
}

/** The ttys at which sessions began, in the order of their beginning: not those opened from another one. */
export class Sessions {
  readonly ttys = new Set<number>();

  see(record: TtyRecord): void {
    if (record.op === 'open' && (record.from === 0 || record.from === record.tty)) this.ttys.add(record.tty);
  }
}

/** Tells when each record is due, so that the time between two of them is what it was. */
export class Pace {
  private last: number | undefined;
  private due = 0;
  private readonly now: () => number;

  /** @param now a clock, in ms, that does not jump */
  constructor(now: () => number) {
    this.now = now;
  }

  /** Milliseconds from now until a record is due; 0 where it is late. A guest's clock that goes back costs no time. */
  delay({ time }: TtyRecord): number {
    if (this.last === undefined) this.due = this.now();
    else this.due += Math.max(0, time - this.last) / 1000;
    this.last = time;
    return Math.max(0, this.due - this.now());
  }
}
