import { writeSync } from 'node:fs';
import { release } from 'node:os';
import {
  type CommandLine,
  CommandLineError,
  type Ending,
  helpText,
  Instance,
  kernelConfig,
  kernelRelease,
  parseCommandLine,
  restoreTerminals,
  StartError,
} from '../emulator/index.ts';
import { hasCode, inBinary, replaceProcess } from '../lib/os/index.ts';

const FAILED = 1;

/** `linux`: boots an instance and stays until it is over. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const commandLine = parseCommandLine(args);
    if (commandLine.action !== 'boot') return tell(commandLine.action);
    return await boot(commandLine);
  } catch (error) {
    if (!(error instanceof CommandLineError) && !(error instanceof StartError)) throw error;
    complain(error.message);
    return FAILED;
  }
}

function tell(what: Exclude<CommandLine['action'], 'boot'>): number {
  const text = { help: () => helpText(kernelRelease() ?? release()), version: kernelRelease, showconfig: kernelConfig }[
    what
  ]();
  if (text === undefined) {
    complain('there is no guest kernel yet: build it with `npm run guest`');
    return FAILED;
  }
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return 0;
}

async function boot(commandLine: CommandLine): Promise<number> {
  process.on('exit', restoreTerminals);
  const starting = Instance.start({ commandLine, environment: process.env, output, complain });
  const terminate = () => void starting.then((instance) => instance.terminate()).catch(() => {});
  process.on('SIGINT', terminate);
  process.on('SIGTERM', terminate);
  process.on('SIGHUP', () => {}); // as UML: closing the terminal does not end the instance
  const instance = await starting;
  return leave(await instance.ended, commandLine);
}

function leave(ending: Ending, commandLine: CommandLine): number {
  restoreTerminals();
  switch (ending.how) {
    case 'exit':
      process.exit(ending.status);
      break;
    case 'abort':
      process.kill(process.pid, 'SIGABRT');
      break;
    case 'restart':
      restart(commandLine);
  }
  return FAILED;
}

/** Starts this program again under the same pid, as UML does: same arguments, same descriptors. */
function restart({ consoles, serialLines }: CommandLine): never {
  const channels = [...consoles, ...serialLines].join(',');
  const inherited = Array.from(channels.matchAll(/fd:(\d+)/g), ([, fd]) => Number(fd));
  const program = inBinary
    ? [process.argv[1] ?? 'linux']
    : [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
  replaceProcess(process.execPath, [...program, ...process.argv.slice(2)], [0, 1, 2, ...inherited]);
}

/** Writes early boot text. Not through process.stdout: that would make a pipe that others share non-blocking. */
function output(bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
  } catch (error) {
    if (!hasCode(error, 'EAGAIN', 'EPIPE', 'EBADF', 'EIO')) throw error; // nobody listens: the instance goes on
  }
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}
