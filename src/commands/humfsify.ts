import { constants } from 'node:os';
import {
  type Conversion,
  type ConvertOptions,
  convertTree,
  HumfsError,
  type Owner,
  planConversion,
  planRestoration,
  type Restoration,
  restoreTree,
} from '../lib/humfs/index.ts';
import { errnoOf, lookupGroup, lookupUser } from '../lib/os/index.ts';
import { progressBar } from './progress.ts';

/** A wrong word on the command line; the message is the line that the user sees. */
class UsageError extends Error {}

const DRY_RUN = '--dry-run';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** humfsify: makes a directory tree a humfs file system, and `-r` back (spec 10). */
export async function main(args: readonly string[], name: string): Promise<number> {
  const words = args.filter((word) => word !== DRY_RUN);
  const isDry = words.length < args.length;
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => stop.abort(signal);
  for (const signal of SIGNALS) process.once(signal, onSignal);
  const bar = progressBar();
  const watch = { signal: stop.signal, ...(process.stderr.isTTY && { progress: bar.update }) };
  try {
    if (words[0] === '-r') return report(await (isDry ? planRestoration(watch) : restoreTree(watch)), isDry);
    const options = { ...parse(words, name), ...watch };
    const done = await (isDry ? planConversion(options) : convertTree(options));
    if (isDry) process.stdout.write(conversionText(done, options));
    return 0;
  } catch (error) {
    bar.end();
    if (stop.signal.aborted) return endBySignal(error, stop.signal.reason as NodeJS.Signals);
    process.stderr.write(`${errorLine(error)}\n`);
    return exitStatus(error);
  } finally {
    bar.end();
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

/** The words are looked at in the order of the Perl tool, so that of several wrong ones the same is named. */
function parse([user, group, size]: readonly string[], name: string): Pick<ConvertOptions, 'owner' | 'total'> {
  if (user === undefined || group === undefined || size === undefined) {
    throw new UsageError(`Usage: ${name} user group size`);
  }
  const uid = idOf(user, (word) => lookupUser(word)?.uid);
  if (uid === undefined) throw new UsageError(`User '${user}' not present in the password file`);
  const gid = idOf(group, (word) => lookupGroup(word)?.gid);
  if (gid === undefined) throw new UsageError(`Group '${group}' not present in the groups file`);
  const total = parseSize(size);
  if (total === undefined) throw new UsageError(`Bad filesystem size - '${size}'`);
  return { owner: { uid, gid }, total };
}

const HIGHEST_ID = 2 ** 32 - 2; // the next one means "leave it as it is" to chown(2)

function idOf(word: string, lookUp: (name: string) => number | undefined): number | undefined {
  if (!/^[0-9]+$/.test(word)) return lookUp(word);
  return Number(word) <= HIGHEST_ID ? Number(word) : undefined;
}

const UNITS: Readonly<Record<string, bigint>> = { '': 1n, K: 2n ** 10n, M: 2n ** 20n, G: 2n ** 30n };
const HIGHEST_SIZE = 2n ** 63n - 1n;

/** Bytes, from digits and one of the letters that the tool knows. */
function parseSize(word: string): bigint | undefined {
  const [, digits, unit = ''] = /^([0-9]+)([KMG]?)$/.exec(word) ?? [];
  const bytes = digits === undefined ? undefined : BigInt(digits) * (UNITS[unit] ?? 1n);
  return bytes !== undefined && bytes <= HIGHEST_SIZE ? bytes : undefined;
}

function conversionText(plan: Conversion, { owner, total }: { owner: Owner; total: bigint }): string {
  return (
    `data: ${plan.objects} files and directories, ${plan.used} of ${total} bytes used\n` +
    `${plan.unrecorded} of them would be recorded, all given to ${owner.uid}:${owner.gid}; ` +
    `${plan.nodes} devices, fifos and sockets would become empty files\n`
  );
}

/** Tells what an undoing came to. The exit status. */
function report({ objects, nodes, version, problems }: Restoration, isDry: boolean): number {
  for (const problem of problems) process.stderr.write(`${problem.message}\n`);
  if (isDry) {
    process.stdout.write(
      `data: ${objects} files and directories would get back what they were, ` +
        `${nodes} of them from empty files to devices, fifos and sockets\n`,
    );
  } else if (problems.length > 0) {
    const [directories, them] = version === 1 ? ['directory', 'it'] : ['directories', 'them'];
    process.stderr.write(
      'There were some errors when copying metadata information.  Not removing the\n' +
        `metadata ${directories}.  Remove ${them} yourself after either fixing the errors above\n` +
        "or deciding that they don't matter.\n",
    );
  }
  return problems.length === 0 ? 0 : 1;
}

function errorLine(error: unknown): string {
  if (error instanceof HumfsError || error instanceof UsageError) return error.message;
  if (!(error instanceof Error) || errnoOf(error) === undefined) throw error;
  return `humfsify: ${error.message}`;
}

/** What Perl makes of die(): the errno of a superblock that it can't open, and 255 for one that is wrong. */
function exitStatus(error: unknown): number {
  if (!(error instanceof HumfsError)) return 1;
  if (error.path === 'superblock' && error.details.call === 'open') return errnoOf(error.cause) ?? 1;
  return error.code.startsWith('superblock-') ? 255 : 1;
}

/** Ends as a program does that leaves the signal alone, when all is in order. */
function endBySignal(error: unknown, signal: NodeJS.Signals): number {
  process.stderr.write(`${errorLine(error)}\n`);
  process.kill(process.pid, signal);
  return 128 + constants.signals[signal];
}
