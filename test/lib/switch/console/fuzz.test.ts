/** What a console does with anything at all: an answer, in its form, and no exception. */
import { randomBytes, randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { encodeAnswer, readEnd } from '../../../../src/lib/switch/console/answer.ts';
import { runLine } from '../../../../src/lib/switch/console/connection.ts';
import { LineSplitter } from '../../../../src/lib/switch/console/lines.ts';
import { COMMANDS } from '../../../../src/lib/switch/index.ts';
import { remembering } from './managed.ts';

const LINES = 20_000;
const pieces = [
  ...COMMANDS.flatMap(({ pattern }) => pattern.form.split(/[ [\]]+/)).filter((word) => word !== '' && word !== 'start'),
  ...['5', '6', '99', 'tap0', 'twin', '-1', '0', '4094', '4095', '1-5', '5-1', '1,2,all', 'all', 'ff:ff:ff:ff:ff:ff'],
  ...['"', '""', '\\', '"a b"', '\0', '\u202e', '💥', '__proto__', 'constructor', 'toString', '1e9', '9'.repeat(30)],
  ...['127.0.0.1:1,127.0.0.1:2', '[::1]:1,[::1]:2', '1,10.0.0.1', '239.0.0.1:5,ttl=1', ',', '=', 'udp', 'tap', 'fd'],
];

function someLine(): string {
  if (randomInt(4) === 0) return randomBytes(randomInt(60)).toString('latin1').replaceAll('\n', ' ');
  return Array.from({ length: randomInt(8) }, () => pieces[randomInt(pieces.length)]).join(
    randomInt(9) === 0 ? '' : ' ',
  );
}

test('every line has one answer', async () => {
  const { managed } = remembering();
  for (let n = 0; n < LINES; n++) {
    const line = someLine();
    const outcome = await runLine(line, managed).catch((error: unknown) => {
      throw new Error(`${JSON.stringify(line)}: ${error}`);
    });
    if (outcome === undefined || outcome === 'close' || 'stream' in outcome) continue;
    const text = encodeAnswer(outcome, 'text').split('\n');
    expect(text.pop()).toBe('');
    const ends = text.map((each) => readEnd(each, 'text'));
    expect(
      ends.findIndex((end) => end !== undefined),
      line,
    ).toBe(text.length - 1);
    const json = encodeAnswer(outcome, 'json');
    expect(json.indexOf('\n')).toBe(json.length - 1);
    expect(readEnd(json, 'json') === 'OK').toBe(outcome.answer === 'done');
    if (outcome.answer === 'refused') expect(outcome.message, line).toMatch(/^[^\p{Cc}]{5,500}$/u);
  }
});

test('pieces of a stream make the same lines, however it is cut', () => {
  for (let n = 0; n < 500; n++) {
    const lines = Array.from({ length: randomInt(20) }, () => randomBytes(randomInt(80)).toString('hex'));
    const stream = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const splitter = new LineSplitter();
    const got: string[] = [];
    for (let at = 0; at < stream.length; ) {
      const end = at + 1 + randomInt(100);
      got.push(...splitter.add(stream.subarray(at, end)));
      at = end;
    }
    expect(got).toEqual(lines);
  }
});
