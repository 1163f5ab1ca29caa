import { describe, expect, test } from 'vitest';
import {
  encodeMetadata,
  encodeSuperblock,
  HumfsError,
  parseMetadata,
  parseMetadataV1,
  parseSuperblock,
} from '../../../src/lib/humfs/index.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const code = (expected: string, field?: string) =>
  expect.objectContaining({ name: 'HumfsError', code: expected, ...(field && { details: { field } }) });

describe('superblocks', () => {
  test('as the Perl tool writes it', () => {
    const text = 'version 2\nmetadata shadow_fs\nused 69632\ntotal 4294967296\n';
    const parsed = parseSuperblock(bytes(text));
    expect(parsed).toEqual({ version: 2, metadata: 'shadow_fs', used: 69632n, total: 4294967296n, unknown: [] });
    expect(encodeSuperblock(parsed).toString()).toBe(text);
  });

  test('version 1 needs no metadata line; any order, the last line counts, others are handed on', () => {
    const parsed = parseSuperblock(bytes('total 9223372036854775807\nused 1\nused 2\nhello\n\nversion 1'));
    const total = 9223372036854775807n;
    expect(parsed).toEqual({ version: 1, metadata: 'shadow_fs', used: 2n, total, unknown: ['hello'] });
  });

  test.each([
    ['', 'superblock-field', 'version'],
    ['used 1\ntotal 2\nmetadata shadow_fs\n', 'superblock-field', 'version'],
    ['version 2\nused 1\ntotal 2\n', 'superblock-field', 'metadata'],
    ['version 2\nmetadata shadow_fs\ntotal 2\n', 'superblock-field', 'used'],
    ['version 2\nmetadata shadow_fs\nused -1\ntotal 2\n', 'superblock-field', 'used'],
    ['version 2\nmetadata shadow_fs\nused 1\ntotal x\n', 'superblock-field', 'total'],
    ['version 2\nmetadata shadow_fs\nused 3\ntotal 2\n', 'superblock-full'],
    ['version 3\nmetadata shadow_fs\nused 1\ntotal 2\n', 'superblock-version'],
    ['version 2\nmetadata sql\nused 1\ntotal 2\n', 'superblock-format'],
    ['version 1\nmetadata sql\nused 1\ntotal 2\n', 'superblock-format'],
  ])('%j is refused', (text, expected, field?: string) => {
    expect(() => parseSuperblock(bytes(text))).toThrow(code(expected, field));
  });
});

describe('metadata', () => {
  test.each([
    ['493 0 0\n', { mode: 0o755, uid: 0, gid: 0 }],
    ['2541 0 5\n', { mode: 0o4755, uid: 0, gid: 5 }],
    ['420 0 0 c 1 3\n', { mode: 0o644, uid: 0, gid: 0, node: { type: 'char', major: 1, minor: 3 } }],
    ['420 0 0 b 259 300\n', { mode: 0o644, uid: 0, gid: 0, node: { type: 'block', major: 259, minor: 300 } }],
    ['384 1000 4294967294 p 0 0\n', { mode: 0o600, uid: 1000, gid: 2 ** 32 - 2, node: fifo('fifo') }],
    ['493 0 0 s 0 0\n', { mode: 0o755, uid: 0, gid: 0, node: fifo('socket') }],
  ] as const)('%j', (text, metadata) => {
    expect(parseMetadata(bytes(text))).toEqual(metadata);
    expect(encodeMetadata(metadata).toString()).toBe(text);
  });

  test('as the kernel reads it: any white space, ids with a sign, the first line', () => {
    expect(parseMetadata(bytes('  493\t-2   7'))).toEqual({ mode: 0o755, uid: 4294967294, gid: 7 });
    expect(parseMetadata(bytes('493 0 0\n0 5\n'))).toEqual({ mode: 0o755, uid: 0, gid: 0 });
  });

  test('device numbers that the Perl tool took apart wrongly are put together again', () => {
    // golden 10-run: block 259, 300
    expect(parseMetadata(bytes('420 0 0 b 4355 44')).node).toEqual({ type: 'block', major: 259, minor: 300 });
    expect(parseMetadata(bytes('420 0 0 c 1048575 255')).node).toEqual({ type: 'char', major: 4095, minor: 65535 });
  });

  test.each([
    '',
    '\n493 0 0',
    '493',
    '493 0',
    '493 0 0 c',
    '493 0 0 c 1',
    '493 0 0 c 1 3 5',
    '493 0 0 x 1 3',
    '493 0 0 f 1 3',
    '493 0 0 c 1 -3',
    '493 0 0 c 4096 300',
    '493 0 0 c 1 1048576',
    '4096 0 0',
    '-1 0 0',
    '493 0 4294967296',
    '493 -2147483649 0',
    '493 99999999999999999999 0',
    'rwx 0 0',
    '0x1ed 0 0',
  ])('%j is refused', (text) => {
    expect(() => parseMetadata(bytes(text), 'file_metadata/x')).toThrow(code('metadata-field'));
  });

  test('version 1: no mode, and no numbers for a socket', () => {
    expect(parseMetadataV1(bytes('1000 100\n'))).toEqual({ uid: 1000, gid: 100 });
    expect(parseMetadataV1(bytes('0 0 b 98 0\n'))).toEqual({
      ...{ uid: 0, gid: 0 },
      node: { type: 'block', major: 98, minor: 0 },
    });
    expect(parseMetadataV1(bytes('0 0 s\n'))).toEqual({ uid: 0, gid: 0, node: fifo('socket') });
    for (const text of ['', '1', '1 2 c 3', '1 2 x']) {
      expect(() => parseMetadataV1(bytes(text))).toThrow(code('metadata-field'));
    }
  });

  test('noise never gives anything but an error of its own', () => {
    for (let i = 0; i < 2000; i++) {
      const noise = Buffer.from(
        Array.from({ length: i % 40 }, (_, k) => (i * 7919 + k * 104729 + ((i * k) >> 3)) & 0xff),
      );
      for (const parse of [parseMetadata, parseMetadataV1, parseSuperblock]) {
        try {
          parse(noise);
        } catch (error) {
          expect(error).toBeInstanceOf(HumfsError);
        }
      }
    }
  });
});

function fifo<T extends 'fifo' | 'socket'>(type: T): { type: T; major: number; minor: number } {
  return { type, major: 0, minor: 0 };
}

test('names in messages are fit for a terminal', () => {
  const message = (path: string) => new HumfsError('orphan', path).message;
  expect(message('file_metadata/caf\xc3\xa9')).toContain("'file_metadata/café'");
  expect(message('a\x1b[2Jb\nc\\d')).toContain("'a\\033[2Jb\\012c\\\\d'");
  expect(message('x\xff\xfe y\xc3')).toContain("'x\\377\\376 y\\303'");
  expect(message('\xe2\x80\xae')).toContain("'\\342\\200\\256'");
});
