import { expect, test } from 'vitest';
import { Asciicast, type TtyRecord } from '../../../src/lib/tty-log/index.ts';

function cast(records: readonly TtyRecord[]): unknown[] {
  const made = new Asciicast({ columns: 100, rows: 30 });
  const text = records.map((record) => made.lines(record)).join('') + made.end();
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
const bytes = (...values: number[]) => Buffer.from(values);
const HEADER = { version: 2, width: 100, height: 30, timestamp: 7 };

test('a header with the time of the first record, then events with the time since it', () => {
  expect(
    cast([
      { op: 'open', tty: 1, time: 7_500_000, from: 0 },
      { op: 'write', tty: 1, time: 7_500_000, data: Buffer.from('\x1b[2J"\\\r\n') },
      { op: 'read', tty: 1, time: 8_000_001, data: Buffer.from('a') },
      { op: 'close', tty: 1, time: 9_000_000 },
    ]),
  ).toEqual([HEADER, [0, 'o', '\x1b[2J"\\\r\n'], [0.500001, 'i', 'a']]);
});

test('a character that lies in two records appears whole, with the second; one that never ends is shown as broken', () => {
  expect(
    cast([
      { op: 'write', tty: 1, time: 7e6, data: bytes(0x61, 0xc3) },
      { op: 'read', tty: 1, time: 7e6, data: bytes(0x62) },
      { op: 'write', tty: 1, time: 8e6, data: bytes(0xa4) },
      { op: 'write', tty: 1, time: 9e6, data: bytes(0xe2, 0x82) },
    ]),
  ).toEqual([HEADER, [0, 'o', 'a'], [0, 'i', 'b'], [1, 'o', 'ä'], [2, 'o', '\ufffd']]);
});

test('a newline has its carriage return, which the tty had yet to put there', () => {
  const write = (text: string): TtyRecord => ({ op: 'write', tty: 1, time: 7e6, data: Buffer.from(text) });
  const read: TtyRecord = { op: 'read', tty: 1, time: 7e6, data: Buffer.from('x\n') };
  expect(cast([write('a\n\nb\r\n'), write('\n'), write('c\r'), read, write(''), write('\n'), write('\n')])).toEqual([
    HEADER,
    [0, 'o', 'a\r\n\r\nb\r\n'],
    [0, 'o', '\r\n'],
    [0, 'o', 'c\r'],
    [0, 'i', 'x\n'],
    [0, 'o', '\n'],
    [0, 'o', '\r\n'],
  ]);
});

test('times never go back', () => {
  const write = (time: number): TtyRecord => ({ op: 'write', tty: 1, time, data: Buffer.from('x') });
  expect(cast([write(7e6), write(9e6), write(5e6), write(10e6)])).toEqual([
    HEADER,
    [0, 'o', 'x'],
    [2, 'o', 'x'],
    [2, 'o', 'x'],
    [3, 'o', 'x'],
  ]);
});

test('nothing to show is still a cast', () => {
  expect(cast([])).toEqual([{ ...HEADER, timestamp: 0 }]);
});
