import { constants } from 'node:os';
import {
  CowError,
  type MergeOptions,
  type MergePlan,
  type MergeStep,
  mergeInPlace,
  mergeToFile,
  planMerge,
} from '../lib/cow/index.ts';
import { type ProgressBar, progressBar } from './progress.ts';

interface Words {
  cow: string;
  /** Undefined for an in-place merge. */
  output?: string;
  backing?: string;
  ours: ReadonlySet<string>;
}

/** Our own words, which the C tool does not have; they may stand anywhere. */
const OURS = ['--progress', '--json', '--dry-run', '--ignore-mtime', '--force', '--no-sync'];

/** uml_moo: merges a COW file with its backing file (spec 7.1). */
export async function main(args: readonly string[], name: string): Promise<number> {
  const words = parse(args);
  if (!words) {
    process.stderr.write(usage(name));
    return 1;
  }
  if (words.ours.has('--no-sync') && words.output === undefined) {
    process.stderr.write(`${name}: --no-sync is for new images: a merge in place has to wait for the disk\n`);
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
    const line = errorLine(error);
    if (words.ours.has('--json')) printJson({ error: { code: error.code, message: line } });
    process.stderr.write(`${line}\n${process.stderr.isTTY ? advice(error) : ''}`);
    return 1;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The C tool takes `-d` before `-b` only; the usage, and the book, have it the other way round: both are taken. */
function parse(args: readonly string[]): Words | undefined {
  const rest = args.filter((word) => !OURS.includes(word));
  let backing: string | undefined;
  let inPlace = false;
  for (;;) {
    if (rest[0] === '-d' && !inPlace) {
      inPlace = true;
      rest.shift();
    } else if (rest[0] === '-b' && backing === undefined && rest[1] !== undefined) {
      backing = rest[1];
      rest.splice(0, 2);
    } else break;
  }
  const names = backing === undefined ? rest : [...rest, backing];
  // a name with a dash is a mistyped option; ./-name names such a file
  if (rest.length !== (inPlace ? 1 : 2) || names.some((word) => word.startsWith('-'))) return undefined;
  const [cow = '', output] = rest;
  const ours = new Set(args.filter((word) => OURS.includes(word)));
  return { cow, ours, ...(output !== undefined && { output }), ...(backing !== undefined && { backing }) };
}

async function merge({ ours, output, ...files }: Words, name: string, signal: AbortSignal): Promise<void> {
  const messages: string[] = [];
  const isJson = ours.has('--json');
  const meter = progressMeter(ours.has('--progress'));
  const options: MergeOptions = {
    ...files,
    ...((ours.has('--ignore-mtime') || ours.has('--force')) && { ignoreMtime: true }),
    signal,
    report: (message) => void (isJson ? messages.push(message) : process.stdout.write(`${message}\n`)),
    progress: meter.update,
  };
  const isDry = ours.has('--dry-run');
  const needsPlan = isDry || isJson;
  const plan = needsPlan ? await planMerge({ ...options, ...(output !== undefined && { output }) }) : undefined;
  let rebased = false;
  if (!isDry) {
    if (plan) messages.length = 0; // the merge says them again
    try {
      if (output === undefined) ({ rebased } = await mergeInPlace(options));
      else await mergeToFile({ ...options, output, ...(ours.has('--no-sync') && { sync: 'skip' }) });
    } finally {
      meter.end();
    }
  }
  if (plan && isJson) {
    const { rebases, ...rest } = plan;
    const outcome = { cowEmptied: isDry ? rebases : rebased, dryRun: isDry, messages };
    printJson({ cow: files.cow, output: output ?? plan.backing, ...rest, ...outcome });
  } else if (plan) process.stdout.write(planText(files.cow, output, plan));
  if (rebased && (ours.has('--progress') || process.stderr.isTTY)) {
    process.stderr.write(`${name}: "${files.cow}" is now empty, over the merged backing file\n`);
  }
}

function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function planText(cow: string, output: string | undefined, plan: MergePlan): string {
  const target = output === undefined ? `be written into "${plan.backing}"` : `go into "${output}", ${plan.size} bytes`;
  const after = plan.rebases ? `; "${cow}" would then be empty, over the merged backing file` : '';
  const again = plan.resumes ? ', finishing a merge that was interrupted' : '';
  return `${plan.dirty} bytes of "${cow}" would ${target}${again}${after}\n`;
}

/** Shows how far it is on stderr: a bar on a terminal, else, if it is asked for, a line for each tenth. */
function progressMeter(isAsked: boolean): ProgressBar {
  if (process.stderr.isTTY) return isAsked ? progressBar(0) : progressBar();
  let shown = isAsked ? -1 : 100;
  const update: ProgressBar['update'] = (done, total) => {
    const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
    if (percent <= shown || Math.floor(percent / 10) <= Math.floor(shown / 10)) return;
    shown = percent;
    process.stderr.write(`${percent} %\n`);
  };
  return { update, end: () => {} };
}

/** Ends as a program does that leaves the signal alone, when all is cleaned up. */
function endBySignal(words: Words, name: string, signal: NodeJS.Signals): number {
  if (words.output === undefined) process.stderr.write(`${name}: interrupted; run it again to finish the merge\n`);
  process.kill(process.pid, signal);
  return 128 + constants.signals[signal];
}

/** What helps a person at a terminal; a script gets what the C tool says, and no more. */
function advice(error: CowError): string {
  if (error.code !== 'mtime-mismatch') return '';
  const quoted = `'${error.path.replaceAll("'", "'\\''")}'`;
  return (
    'If it is the right file, and its content has not changed since, give it back its time:\n' +
    `\ttouch --date=@${error.details.expected} ${quoted}\n` +
    'or add --force.\n'
  );
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
