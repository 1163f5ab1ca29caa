import { constants } from 'node:os';
import { CowError, type MergeOptions, type MergeStep, mergeInPlace, mergeToFile } from '../lib/cow/index.ts';

interface Words {
  cow: string;
  /** Undefined for an in-place merge. */
  output?: string;
  backing?: string;
  ignoreMtime?: true;
  progress?: true;
}

/** uml_moo: merges a COW file with its backing file (spec 7.1). */
export async function main(args: readonly string[], name: string): Promise<number> {
  const words = parse(args);
  if (!words) {
    process.stderr.write(usage(name));
    return 1;
  }
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => stop.abort(signal);
  for (const signal of SIGNALS) process.once(signal, onSignal);
  try {
    await merge(words, name, stop.signal);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return endBySignal(words, name, stop.signal.reason as NodeJS.Signals);
    if (!(error instanceof CowError)) throw error;
    process.stderr.write(`${errorLine(error)}\n`);
    return 1;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The C tool takes `-d` before `-b` only; the usage, and the book, have it the other way round: both are taken. */
function parse(args: readonly string[]): Words | undefined {
  const rest = args.filter((word) => word !== '--progress' && word !== '--ignore-mtime');
  const options: Omit<Words, 'cow'> = {
    ...(args.includes('--progress') && { progress: true }),
    ...(args.includes('--ignore-mtime') && { ignoreMtime: true }),
  };
  let inPlace = false;
  for (;;) {
    if (rest[0] === '-d' && !inPlace) {
      inPlace = true;
      rest.shift();
    } else if (rest[0] === '-b' && options.backing === undefined && rest[1] !== undefined) {
      options.backing = rest[1];
      rest.splice(0, 2);
    } else break;
  }
  const names = options.backing === undefined ? rest : [...rest, options.backing];
  // a name with a dash is a mistyped option; ./-name names such a file
  if (rest.length !== (inPlace ? 1 : 2) || names.some((word) => word.startsWith('-'))) return undefined;
  const [cow = '', output] = rest;
  return { ...options, cow, ...(output !== undefined && { output }) };
}

async function merge(words: Words, name: string, signal: AbortSignal): Promise<void> {
  const { output, progress, ...files } = words;
  const options: MergeOptions = {
    ...files,
    signal,
    report: (message) => void process.stdout.write(`${message}\n`),
    ...(progress && { progress: progressMeter() }),
  };
  if (output !== undefined) return mergeToFile({ ...options, output });
  const { rebased } = await mergeInPlace(options);
  if (progress && rebased) process.stderr.write(`${name}: "${files.cow}" is now empty, over the merged backing file\n`);
}

/** Shows how far it is on stderr: in place on a terminal, else a line for each tenth. */
function progressMeter(): (done: number, total: number) => void {
  const { isTTY } = process.stderr;
  let shown = -1;
  return (done, total) => {
    const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
    if (percent <= shown || (!isTTY && Math.floor(percent / 10) <= Math.floor(shown / 10))) return;
    shown = percent;
    process.stderr.write(isTTY ? `\r${percent} %${percent === 100 ? '\n' : ''}` : `${percent} %\n`);
  };
}

/** Ends as a program does that leaves the signal alone, when all is cleaned up. */
function endBySignal(words: Words, name: string, signal: NodeJS.Signals): number {
  if (words.output === undefined) process.stderr.write(`${name}: interrupted; run it again to finish the merge\n`);
  process.kill(process.pid, signal);
  return 128 + constants.signals[signal];
}

const LABELS: Record<MergeStep, string> = {
  'open-cow': 'COW file open',
  'read-header': 'Reading COW header failed',
  'stat-backing': 'Stating backing file',
  'open-backing': 'Opening backing file',
  'open-output': 'Output file open',
  'read-bitmap': 'Reading COW bitmap',
  'read-data': 'Reading data',
  'write-data': 'Writing data',
};

function errorLine(error: CowError): string {
  if (error.code === 'size-mismatch' || error.code === 'mtime-mismatch') return error.message;
  const step = error.details.step as MergeStep | undefined;
  // the C tool opens a directory and finds no header in it
  const isNoFile = error.code === 'not-a-disk' || error.errno === constants.errno.EISDIR;
  if (step === 'read-header' || (step === 'open-cow' && isNoFile)) return LABELS['read-header'];
  const text = error.code === 'system' ? String(error.details.text) : error.message;
  return step === undefined ? error.message : `${LABELS[step]}: ${text}`;
}

function usage(name: string): string {
  return `${name} usage:
\t${name} [ -b <actual backing file> ] <COW file> <new backing file>
\t${name} [ -b <actual backing file> ] -d <COW file>
Creates a new filesystem image from the COW file and its backing file.
Specifying -d will cause a destructive, in-place merge of the COW file into
its current backing file
Specifying -b overrides the backing_file specified in the COW file.  This is
needed when dealing with a COW file that was created inside a chroot jail.
${name} supports version 1,2 and 3 COW files.
`;
}
