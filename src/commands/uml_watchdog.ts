import { fstatSync, writeSync } from 'node:fs';
import { integer } from '../lib/cli/index.ts';
import { errorText, hasCode } from '../lib/os/index.ts';
import { DEFAULT_TIMEOUT, endProcess, reportHang, type Watched, watched, watchOver } from '../lib/watchdog/index.ts';

const FAILED = 1;
const USAGE = 'Usage : uml_watchdog [--timeout SECONDS] -pid PID | -mconsole SOCKET';
const HELP = `${USAGE}

Watches over a UML instance, which starts it when its guest opens /dev/watchdog.
  -pid PID            end this process when it hangs
  -mconsole SOCKET    tell the listener of mconsole=notify:SOCKET when it hangs
  --timeout SECONDS   how long the guest may be silent; default ${DEFAULT_TIMEOUT / 1000}
  --help              this text

Writes a byte to standard output when it watches. Each byte on standard input
says that the guest is alive; the end of the input ends the watch.
Status 0 when the watch was ended, 1 when the guest was silent for too long or
something failed.
`;

interface Arguments {
  /** A pid, or a socket. */
  target: number | string;
  /** Milliseconds. */
  timeout: number;
}

/** uml_watchdog (spec 11.3). */
export async function main(words: readonly string[]): Promise<number> {
  if (words[0] === '--help') {
    process.stdout.write(HELP);
    return 0;
  }
  const args = parse(words);
  if (!args) return complain(USAGE);
  const target = typeof args.target === 'number' ? watched(args.target) : args.target;
  if (target === undefined) {
    if (!readyPipeIsStderr()) complain(`uml_watchdog: there is no process ${args.target} that it may signal`);
    return FAILED;
  }
  try {
    writeSync(1, '\0'); // before the clock runs: it keeps this process from ending
    if ((await watchOver(process.stdin, args.timeout)) === 'closed') return 0;
  } catch (error) {
    if (hasCode(error, 'EPIPE')) throw error; // no concern of anybody's: whoever started it has left
    return complain(`uml_watchdog: ${errorText(error)}`);
  }
  await raiseAlarm(target);
  process.stdin.destroy();
  return FAILED;
}

/** Undefined for words that it does not know. What follows the two that it needs is ignored, as by the C tool. */
function parse(words: readonly string[]): Arguments | undefined {
  const given = words[0] === '--timeout';
  const timeout = given ? Number(words[1]) * 1000 : DEFAULT_TIMEOUT;
  const [what, target = ''] = given ? words.slice(2) : words;
  if (!(timeout > 0 && timeout < 2 ** 31)) return undefined; // the longest timer of Node
  if (what === '-pid') {
    const pid = integer(target) ?? 0;
    return pid > 0 && pid < 2 ** 31 ? { target: pid, timeout } : undefined;
  }
  return what === '-mconsole' && target !== '' ? { target, timeout } : undefined;
}

async function raiseAlarm(target: Watched | string): Promise<void> {
  try {
    if (typeof target === 'string') await reportHang(target);
    else await endProcess(target);
  } catch (error) {
    complain(`${typeof target === 'string' ? 'sendto' : 'uml_watchdog'}: ${errorText(error)}`);
  }
}

/** UML takes the first byte on stdout or stderr, which it ties to one socket, for the sign that the watch has begun. */
function readyPipeIsStderr(): boolean {
  const [out, err] = [fstatSync(1), fstatSync(2)];
  return (err.isFIFO() || err.isSocket()) && out.ino === err.ino && out.dev === err.dev;
}

function complain(line: string): number {
  process.stderr.write(`${line}\n`);
  return FAILED;
}
