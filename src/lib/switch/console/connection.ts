import { once } from 'node:events';
import type { Socket } from 'node:net';
import { CaptureError } from '../capture/error.ts';
import { SwitchError } from '../error.ts';
import { refusalText } from '../messages.ts';
import { type Answer, encodeAnswer, type Form } from './answer.ts';
import type { Managed, Result } from './command.ts';
import { ConsoleError } from './error.ts';
import { LineSplitter } from './lines.ts';
import { carryOut } from './table.ts';
import { splitWords } from './words.ts';

const JSON_WORD = /^\s*--json(?=\s|$)/;

/** Serves a connection until it ends: a line after the other, each answered before the next is read. */
export async function serveConnection(socket: Socket, managed: Managed): Promise<void> {
  socket.on('error', () => {}); // it is gone, as at its end
  const lines = new LineSplitter();
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    for (const line of lines.add(chunk as Buffer)) {
      const outcome = await serveLine(line, socket, managed);
      if (outcome === 'close') return void socket.end();
      if (outcome === 'stream') return;
    }
    if (!lines.isOverlong) continue;
    socket.end(encodeAnswer({ answer: 'refused', code: 'LINE', message: 'this line is too long' }, 'text'));
    return;
  }
  socket.end();
}

async function serveLine(line: string, socket: Socket, managed: Managed): Promise<'next' | 'stream' | 'close'> {
  const form: Form = JSON_WORD.test(line) ? 'json' : 'text';
  const result = await runLine(line.replace(JSON_WORD, ''), managed);
  if (result === undefined) return 'next';
  if (result === 'close') return 'close';
  const answer = 'stream' in result ? ({ answer: 'stream' } as const) : result;
  if (!socket.write(encodeAnswer(answer, form)) && !socket.destroyed) {
    await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
  }
  if (!('stream' in result)) return 'next';
  socket.once('end', () => socket.destroySoon());
  socket.resume(); // what it says now means nothing, but its end does
  await result.stream(socket, form);
  return 'stream';
}

type Outcome = Exclude<Answer, { answer: 'stream' }> | Extract<Result, { stream: unknown } | 'close'>;

/** Carries out a line. What is wrong with it is an answer too; an empty one has none. */
export async function runLine(line: string, managed: Managed): Promise<Outcome | undefined> {
  try {
    const words = splitWords(line);
    if (words.length === 0) return undefined;
    const result = await carryOut(words, managed);
    if (result === 'close' || 'stream' in result) return result;
    return { answer: 'done', ...result };
  } catch (error) {
    if (error instanceof SwitchError) return refused(error.code, refusalText(error.detail));
    if (error instanceof ConsoleError || error instanceof CaptureError) return refused(error.code, error.message);
    throw error;
  }
}

function refused(code: string, message: string): Outcome {
  return { answer: 'refused', code, message };
}
