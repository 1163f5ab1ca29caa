import { describe, expect, test } from 'vitest';
import { decodeRecord, encodeRecord, TtyLogError } from '../../../src/lib/tty-log/index.ts';
import { SESSION } from './records.ts';

/** As playlog.pl's module packs them: six 32-bit words, then the data. */
function raw(words: readonly number[], data = ''): Buffer {
  const bytes = Buffer.alloc(24 + data.length);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * 4);
  bytes.write(data, 24, 'latin1');
  return bytes;
}

test('the bytes of each kind of record', () => {
  const time = 5_000_007;
  expect(encodeRecord({ op: 'open', tty: 0x10, time, from: 3 })).toEqual(raw([1, 0x10, 4, 0, 5, 7], '\x03\0\0\0'));
  expect(encodeRecord({ op: 'close', tty: 0x10, time })).toEqual(raw([2, 0x10, 0, 0, 5, 7]));
  expect(encodeRecord({ op: 'read', tty: 1, time, data: Buffer.from('ls\r') })).toEqual(
    raw([3, 1, 3, 1, 5, 7], 'ls\r'),
  );
  expect(encodeRecord({ op: 'write', tty: 1, time, data: Buffer.from('x') })).toEqual(raw([3, 1, 1, 2, 5, 7], 'x'));
  const argv = [Buffer.from('ls'), Buffer.from(''), Buffer.from('-l')];
  expect(encodeRecord({ op: 'exec', tty: 1, time, argv })).toEqual(raw([4, 1, 7, 0, 5, 7], 'ls\0\0-l\0'));
});

test('what is written is read', () => {
  for (const record of SESSION) {
    const bytes = encodeRecord(record);
    expect(decodeRecord(Buffer.concat([bytes, Buffer.from('next')]), 0)).toEqual({ record, size: bytes.length });
  }
});

test('the last NUL of a command may be missing, and a command may have no word', () => {
  const argv = [Buffer.from('ls'), Buffer.from('-l')];
  expect(decodeRecord(raw([4, 1, 5, 0, 5, 7], 'ls\0-l'), 0).record).toMatchObject({ argv });
  expect(decodeRecord(raw([4, 1, 0, 0, 5, 7]), 0).record).toMatchObject({ argv: [] });
});

test('a record that is not whole says how much it needs, wherever it is cut', () => {
  const bytes = encodeRecord({ op: 'write', tty: 1, time: 0, data: Buffer.from('hello') });
  for (let length = 0; length < bytes.length; length++) {
    expect(decodeRecord(bytes.subarray(0, length), 0)).toEqual({ size: length < 24 ? 24 : 29 });
  }
});

describe('bytes that are no record are told with their place', () => {
  test.each([
    ['operation 0', raw([0, 1, 0, 0, 5, 7])],
    ['operation 5', raw([5, 1, 0, 0, 5, 7])],
    ['4294967295 bytes of data', raw([3, 1, 0xffffffff, 1, 5, 7])],
    ['16777217 bytes of data', raw([3, 1, 16777217, 1, 5, 7])],
    ['1000000 microseconds', raw([2, 1, 0, 0, 5, 1000000])],
    ['a tty opened from none', raw([1, 1, 3, 0, 5, 7], 'abc')],
    ['direction 3', raw([3, 1, 0, 3, 5, 7])],
  ])('%s', (what, bytes) => {
    expect(() => decodeRecord(bytes, 77)).toThrow(
      new TtyLogError('MALFORMED', 77, `there is no record at byte 77: ${what}`),
    );
  });
});

test('more data than a reader takes is not written', () => {
  const data = Buffer.alloc((16 << 20) + 1);
  expect(() => encodeRecord({ op: 'write', tty: 1, time: 0, data })).toThrow(RangeError);
});
