import { getopt } from '../lib/cli/index.ts';
import { Asciicast, describe, type Log, openLog, type Screen, Sessions, TtyLogError } from '../lib/tty-log/index.ts';
import { complain, print, report, ttyOf } from './ttylog/outcome.ts';

const USAGE = `Usage : uml ttylog [--tty ID] log-file
       uml ttylog --asciicast [--tty ID] [--input] [--size COLUMNSxROWS] log-file`;
const SCREEN: Screen = { columns: 80, rows: 24 };

interface Arguments {
  file: string;
  form: 'text' | 'asciicast';
  tty: number | undefined;
  /** Whether a cast holds what was typed, passwords too. */
  input: boolean;
  screen: Screen;
}

/** ttylog (spec 12): prints a tty log as tty_log.pl does, or turns it into an asciicast. */
export async function main(words: readonly string[]): Promise<number> {
  const args = parse(words);
  if (!args) return complain(USAGE);
  try {
    const log = await openLog(args.file);
    return await (args.form === 'text' ? printText(log, args) : printCast(log, args));
  } catch (error) {
    return report(args.file, error);
  }
}

function parse(words: readonly string[]): Arguments | undefined {
  const long = { '--asciicast': 'flag', '--input': 'flag', '--tty': 'value', '--size': 'value' } as const;
  const { options, operands } = getopt(words, { short: '', long });
  const [file, ...more] = operands;
  if (file === undefined || more.length > 0) return undefined;
  const args: Arguments = { file, form: 'text', tty: undefined, input: false, screen: SCREEN };
  for (const word of options) {
    if ('complaint' in word) return undefined;
    if (word.option === '--asciicast') args.form = 'asciicast';
    if (word.option === '--input') args.input = true;
    if (word.option === '--tty') {
      args.tty = ttyOf(word.value ?? '');
      if (args.tty === undefined) return undefined;
    }
    if (word.option === '--size') {
      const [, columns, rows] = /^([1-9]\d{0,3})x([1-9]\d{0,3})$/.exec(word.value ?? '') ?? [];
      if (columns === undefined) return undefined;
      args.screen = { columns: Number(columns), rows: Number(rows) };
    }
  }
  return args;
}

async function printText(log: Log, { tty }: Arguments): Promise<number> {
  for await (const record of log()) {
    if (tty === undefined || record.tty === tty) await print(describe(record));
  }
  return 0;
}

async function printCast(log: Log, { file, tty: asked, input, screen }: Arguments): Promise<number> {
  const tty = asked ?? (await onlySession(log, file));
  if (typeof tty === 'string') return complain(tty);
  const cast = new Asciicast(screen);
  try {
    for await (const record of log()) {
      if (tty !== undefined && record.tty !== tty) continue;
      if (record.op !== 'read' || input) await print(cast.lines(record));
    }
  } finally {
    await print(cast.end()); // also of a log that is not whole
  }
  return 0;
}

/** The tty of the log's session; undefined where none began in it, a complaint where several did. */
async function onlySession(log: Log, file: string): Promise<number | string | undefined> {
  const sessions = new Sessions();
  try {
    for await (const record of log()) sessions.see(record);
  } catch (error) {
    if (!(error instanceof TtyLogError)) throw error; // the cast itself tells
  }
  const [first, ...others] = [...sessions.ttys].map((tty) => `0x${tty.toString(16)}`);
  if (others.length > 0)
    return `uml ttylog: ${file} has several ttys; --tty takes one of ${[first, ...others].join(' ')}`;
  return first === undefined ? undefined : Number(first);
}
