import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { inBinary } from '../lib/os/index.ts';
import { switchMessages as messages, openSwitch, type Switch, SwitchError } from '../lib/switch/index.ts';

const DEFAULT_CONTROL = '/tmp/uml.ctl';
const DEFAULT_DATA = '/tmp/uml.data';
/** Tells the process in the background which descriptor to write to when it is ready. */
const READY_VARIABLE = 'UML_SWITCH_READY_FD';
const READY_FD = 3;
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface Settings {
  kind: 'switch' | 'hub';
  control: string;
  data: string | undefined;
  tap: string | undefined;
  background: boolean;
}

/** Drop-in for the C tool's command line (spec 8.1). */
export async function main(args: readonly string[], name: string): Promise<number> {
  const { settings, lines } = parse(args, name);
  const readyFd = process.env[READY_VARIABLE];
  delete process.env[READY_VARIABLE];
  if (settings?.background && readyFd === undefined) return startInBackground();
  process.stdout.on('error', () => {}); // whoever read the log is gone; the network stays up
  process.stderr.on('error', () => {});
  print(lines);
  if (!settings) return 1;
  try {
    return await serve(settings, name, readyFd === undefined ? undefined : Number(readyFd));
  } catch (error) {
    if (!(error instanceof SwitchError)) throw error;
    print(messages.errorLines(error.detail, name, settings.data === undefined ? 1 : 2));
    return 1;
  }
}

/** Reads the words from left to right, as the C tool does: what it says on the way comes before the usage. */
function parse(args: readonly string[], name: string): { settings: Settings | undefined; lines: messages.Line[] } {
  const settings: Settings = {
    kind: 'switch',
    control: DEFAULT_CONTROL,
    data: undefined,
    tap: undefined,
    background: false,
  };
  const lines: messages.Line[] = [];
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [first, second] = rest;
    if (word === '-hub') {
      settings.kind = 'hub';
      lines.push(messages.hubLine(name));
    } else if (word === '-compat-v0') {
      settings.data ??= DEFAULT_DATA;
      lines.push(messages.compatLine);
    } else if (word === '-daemon') {
      settings.background = true;
    } else if (word === '-tap' && first !== undefined) {
      settings.tap = first;
      rest.shift();
    } else if (word === '-unix' && first !== undefined && settings.data === undefined) {
      settings.control = first;
      rest.shift();
    } else if (word === '-unix' && first !== undefined && second !== undefined) {
      settings.control = first;
      settings.data = second;
      rest.splice(0, 2);
    } else {
      return { settings: undefined, lines: [...lines, ...messages.usageLines(name)] };
    }
  }
  return { settings, lines };
}

async function serve(settings: Settings, name: string, readyFd: number | undefined): Promise<number> {
  let end: (reason: 'input' | SwitchError) => void = () => {};
  const ended = new Promise<'input' | SwitchError>((resolve) => {
    end = resolve;
  });
  const network = openSwitch({
    ...settings,
    onEvent: (event) => print(messages.eventLines(event)),
    onFailure: end,
  });
  if (settings.tap !== undefined) await attach(network, settings.tap);
  for (const signal of ENDING_SIGNALS) process.once(signal, () => dieOf(signal, network));
  print([messages.attachedLine(name, settings.control, settings.data, settings.tap)]);
  network.run();
  if (readyFd !== undefined) {
    process.chdir('/');
    writeSync(readyFd, '\n');
    closeSync(readyFd);
  }
  if (isatty(0)) process.stdin.resume().once('end', () => end('input'));

  const reason = await ended;
  if (reason === 'input') print([messages.endOfInputLine]);
  removeSockets(network);
  for (const signal of ENDING_SIGNALS) process.removeAllListeners(signal);
  await network.close();
  process.stdin.destroy();
  if (reason !== 'input') throw reason;
  return 0;
}

/** Nothing is left behind if it fails. */
async function attach(network: Switch, tap: string): Promise<void> {
  try {
    await network.attach({ kind: 'tap', device: tap });
  } catch (error) {
    removeSockets(network);
    await network.close();
    throw error;
  }
}

/** Cleans up and dies of the signal, so that the parent sees what ended us. */
function dieOf(signal: (typeof ENDING_SIGNALS)[number], network: Switch): void {
  print([messages.signalLine(constants.signals[signal])]);
  removeSockets(network);
  for (const each of ENDING_SIGNALS) process.removeAllListeners(each);
  process.kill(process.pid, signal);
}

function removeSockets(network: Switch): void {
  for (const { socket, path, errno } of network.removeSockets()) print([messages.removalLine(socket, path, errno)]);
}

/**
 * A Node process can't fork: it starts itself once more, in a session of its own, and ends when that one has bound its
 * sockets and said so, or with its status if it could not.
 */
async function startInBackground(): Promise<number> {
  const [program = process.execPath, script = '', ...words] = process.argv;
  const child = spawn(program, inBinary ? words : [...process.execArgv, script, ...words], {
    ...(inBinary ? { argv0: script } : {}),
    env: { ...process.env, [READY_VARIABLE]: String(READY_FD) },
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    detached: true,
  });
  const ready = child.stdio[READY_FD]!;
  const ended = once(child, 'exit').then(([status]) => (status as number | null) ?? 1);
  const status = await Promise.race([once(ready, 'data').then(() => 0), ended]);
  ready.destroy();
  child.unref();
  return status;
}

function print(lines: readonly messages.Line[]): void {
  for (const { to, text } of lines) process[to].write(`${text}\n`);
}
