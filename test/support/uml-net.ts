/** uml_net called as UML's kernel calls it: descriptor 1 is one end of a pair of sockets. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { closeFd, receiveWithDescriptors, unixSocketPair } from '../../src/lib/os/index.ts';
import { root, runProgram, temporaryDirectory, toolCommand } from './run.ts';

export interface HelperCall {
  status: number | null;
  stderr: string;
  /** Each message that came; of a stream, each piece that was there. */
  messages: { text: string; descriptors: number[] }[];
  /** All that came. */
  text: string;
}

export interface HelperOptions {
  /** `ours` (default): the words are uml_net's arguments; `as given`: they are a whole command. */
  program?: 'ours' | 'as given';
  /** Its descriptor 0; /dev/null without one. */
  line?: number;
  env?: Record<string, string>;
}

/** Runs it to its end. Descriptors that it sent are the caller's to close. */
export async function callHelper(
  type: 'dgram' | 'stream',
  words: readonly string[],
  { program = 'ours', line, env = {} }: HelperOptions = {},
): Promise<HelperCall> {
  const [file, ...args] = program === 'ours' ? toolCommand('uml_net', words) : words;
  const [here, there] = unixSocketPair(type);
  try {
    const child = spawn(file ?? '', args, {
      env: { ...process.env, ...env },
      stdio: [line ?? 'ignore', there, 'pipe'],
    });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [status] = (await once(child, 'close')) as [number | null];
    const messages = receiveAll(here);
    return { status, stderr, messages, text: messages.map(({ text }) => text).join('') };
  } finally {
    closeFd(here);
    closeFd(there);
  }
}

function receiveAll(fd: number): HelperCall['messages'] {
  const messages: HelperCall['messages'] = [];
  const buffer = Buffer.alloc(8192);
  for (;;) {
    const message = receiveWithDescriptors(fd, buffer);
    if (!message) return messages;
    messages.push({ text: buffer.toString('latin1', 0, message.length), descriptors: message.descriptors });
  }
}

/** The user that has no rights of its own in these tests, and the group that may run the copy. */
export const NOBODY = 65534;
export const GROUP = 5678;

/**
 * A copy of the built binary as the README has it: with CAP_NET_ADMIN, for the members of a group. Its directory, which
 * has nothing else in it, removed at the end of the test file.
 */
export async function capableCopy(): Promise<string> {
  const binary = join(root, 'dist/bin/uml');
  if (!existsSync(binary)) throw new Error('this is about the built binary: npm run build');
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  const copy = join(directory, 'uml_net');
  for (const command of [
    ['install', '-o', 'root', '-g', String(GROUP), '-m', '0750', binary, copy],
    ['setcap', 'cap_net_admin=ep', copy],
  ]) {
    const [file = '', ...words] = command;
    const { status, stderr } = await runProgram(file, words);
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  }
  return directory;
}

/** The words that run a program as a member of that group, without any capability. */
export function asMember(...command: string[]): [string, ...string[]] {
  return ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, `--groups=${GROUP}`, ...command];
}
