import { setTimeout as sleep } from 'node:timers/promises';
import { type Choice, type Log, openLog, Pace, Sessions, shown, TtyLogError } from '../lib/tty-log/index.ts';
import { complain, FAILED, print, report, ttyOf } from './ttylog/outcome.ts';

const usage = (name: string) => `Usage : ${name} [ options ] log-file [tty-id]
	-f - follow the log, similar to 'tail -f'
	-n - full-speed playback, without mimicing the original timing
	-a - all traffic, including both tty reads and writes
	-e - print out logged execs
    By default, playlog will retain the original timing in the log.  -n will
just dump the log out without that timing.  Also by default, only tty writes
will be output.  This will provide an authentic view of what the original
user saw, but it will omit non-echoed characters, such as passwords.  
-a will output ttys reads as well, but this has the side-effect of duplicating
all normal, echoed, user input.
    The -e option prints out logged execs.  This option exists because it's
possible to run commands on a system without anything allocating a terminal.
In this situation, tty logging is useless because no data flows through a 
terminal.  However, execs will be logged, and the -e switch will print them
out, allowing you to see everything that an intruder did without a terminal.
`;

/** The longest timer of Node, in ms. */
const LONGEST = 2 ** 31 - 1;

interface Arguments {
  file: string;
  tty: number | undefined;
  what: Choice['what'];
  follow: boolean;
  timed: boolean;
}

/** playlog (spec 12): shows a tty log as it was seen, after playlog.pl. */
export async function main(words: readonly string[], name: string): Promise<number> {
  const args = parse(words);
  if (args === undefined) {
    process.stdout.write(usage(name));
    return FAILED;
  }
  if (typeof args === 'string') return complain(`playlog: ${args}`);
  try {
    const log = await openLog(args.file);
    const sessions = await sessionsOf(log);
    if (sessions.ttys.size > 1 && args.tty === undefined && args.what !== 'execs') {
      process.stdout.write(`tty output(s) need a tty id to follow
You have the following ttys to choose from:
${[...sessions.ttys].join(' ')}
`);
      return 0;
    }
    await play(log, args);
    return 0;
  } catch (error) {
    return report(args.file, error);
  }
}

/** Undefined where the usage is wanted; a text where that says too little. */
function parse(words: readonly string[]): Arguments | string | undefined {
  const rest = [...words];
  const options = new Set<string>();
  while (rest[0]?.startsWith('-')) options.add(rest.shift() ?? '');
  for (const option of options) {
    if (option === '-d') return '-d, which wrote into a MySQL database, is not supported; uml ttylog prints logs';
    if (!['-f', '-n', '-a', '-e'].includes(option)) return `there is no option ${option}`;
  }
  const [file, id, ...more] = rest;
  if (file === undefined || more.length > 0) return undefined;
  const tty = id === undefined ? undefined : ttyOf(id);
  if (id !== undefined && tty === undefined) return `'${id}' is no tty id`;
  const what = options.has('-e') ? 'execs' : options.has('-a') ? 'traffic' : 'output';
  return { file, tty, what, follow: options.has('-f'), timed: !options.has('-n') };
}

/** The sessions of what there is of the log; playing it tells if it is not whole. */
async function sessionsOf(log: Log): Promise<Sessions> {
  const sessions = new Sessions();
  try {
    for await (const record of log()) sessions.see(record);
  } catch (error) {
    if (!(error instanceof TtyLogError)) throw error;
  }
  return sessions;
}

/** Plays the tty that was asked for, else that of the first session, or all execs. */
async function play(log: Log, { tty: asked, what, follow, timed }: Arguments): Promise<void> {
  const sessions = new Sessions();
  const pace = new Pace(() => performance.now());
  for await (const record of log(follow ? { follow } : {})) {
    sessions.see(record);
    const [first] = sessions.ttys;
    const tty = asked ?? (what === 'execs' ? undefined : first);
    if (tty !== undefined && record.tty !== tty) continue;
    const delay = pace.delay(record);
    if (timed && delay > 0) await sleep(Math.min(delay, LONGEST)); // also for what is not shown: a session ends when it did
    const bytes = shown(record, { tty, what });
    if (bytes !== undefined && bytes.length > 0) await print(bytes);
  }
}
