import { spawn } from 'node:child_process';
import { type Notification, notifications } from '../../lib/mconsole/index.ts';
import { errorText } from '../../lib/os/index.ts';
import type { Arguments } from './arguments.ts';
import { STATUS } from './outcome.ts';
import { endedBySignals } from './signals.ts';

/** Prints the notifications that come to a socket, and runs a program for each, one after the other, until a signal. */
export async function follow({ notifySocket = '', json, words }: Arguments): Promise<number> {
  await endedBySignals(async (signal) => {
    const heard = notifications(notifySocket, { signal });
    process.once('exit', () => void heard.return?.()); // the socket goes, too, when a reader of the output has gone
    for await (const notification of heard) {
      const text = textOf(notification);
      const line = json ? JSON.stringify({ type: notification.type, text }) : printable(notification.type, text);
      process.stdout.write(`${line}\n`);
      if (words.length > 0) await runFor(notification.type, text, words, signal);
    }
  });
  return STATUS.success;
}

function textOf(notification: Notification): string {
  switch (notification.type) {
    case 'socket':
      return notification.path;
    case 'panic':
      return notification.message;
    case 'user':
      return Buffer.from(notification.data).toString();
    case 'hang':
      return '';
  }
}

/** One line, whatever a process of the guest has written: control characters are shown as \xNN. */
function printable(type: string, text: string): string {
  const escaped = text
    .replace(/\n$/, '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    .replace(/[\x00-\x1f\x7f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return escaped === '' ? type : `${type} ${escaped}`;
}

/** Runs the program to its end; that it can't be run, or fails, is said and is no reason to stop listening. */
async function runFor(type: string, text: string, words: readonly string[], signal: AbortSignal): Promise<void> {
  const [program = '', ...args] = words;
  const environment = { ...process.env, NOTIFICATION: type, NOTIFICATION_TEXT: text.replaceAll('\0', '') };
  const problem = await new Promise<string | undefined>((resolve) => {
    const child = spawn(program, args, { env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
    const end = (): void => void child.kill();
    signal.addEventListener('abort', end);
    const finish = (why: string | undefined): void => {
      signal.removeEventListener('abort', end);
      resolve(why);
    };
    child.once('error', (error) => finish(errorText(error)));
    child.once('exit', (code, name) => finish(code === 0 ? undefined : `ended with ${name ?? `status ${code}`}`));
  });
  if (problem !== undefined && !signal.aborted) process.stderr.write(`uml_mconsole: ${program}: ${problem}\n`);
}
