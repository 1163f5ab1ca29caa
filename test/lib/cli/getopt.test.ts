import { expect, test } from 'vitest';
import { complaintLine, getopt } from '../../../src/lib/cli/index.ts';

const grammar = { short: 'bd:u:', long: { '--list': 'flag', '--carrier': 'value' } } as const;
const option = (letter: string, value?: string) => ({ option: letter, value });

test('values stand in the same word or the next, letters one behind the other', () => {
  expect(getopt(['-uroot', '-bu', 'root', '-b', '-bd-b', '-u', '-b'], grammar)).toEqual({
    options: [
      option('u', 'root'),
      option('b'),
      option('u', 'root'),
      option('b'),
      option('b'),
      option('d', '-b'),
      option('u', '-b'),
    ],
    operands: [],
  });
});

test('operands may stand anywhere, unless the environment is strict', () => {
  const words = ['one', '-b', '-', '-u', 'x', 'two', '--', '-b', '--'];
  const operands = ['one', '-', 'two', '-b', '--'];
  expect(getopt(words, grammar)).toEqual({ options: [option('b'), option('u', 'x')], operands });
  expect(getopt(words, { ...grammar, posix: true })).toEqual({ options: [], operands: words });
  expect(getopt(['-b', '--', '-b'], { ...grammar, posix: true })).toEqual({ options: [option('b')], operands: ['-b'] });
});

test('what is wrong is told where it stands', () => {
  expect(getopt(['-b', '-xb', '-:;W', '-d'], grammar).options).toEqual([
    option('b'),
    { complaint: 'invalid', option: 'x' },
    option('b'),
    { complaint: 'invalid', option: ':' },
    { complaint: 'invalid', option: ';' },
    { complaint: 'invalid', option: 'W' },
    { complaint: 'missing', option: 'd' },
  ]);
});

test('long options have their value in the next word or behind a sign; others are letters', () => {
  expect(getopt(['--carrier', 'on', '--carrier=', '--list', '--carrier'], grammar).options).toEqual([
    option('--carrier', 'on'),
    option('--carrier', ''),
    option('--list'),
    { complaint: 'missing', option: '--carrier' },
  ]);
  for (const word of ['--lis', '--list=1', '--toString', '-b-list']) {
    expect(getopt([word], grammar).options).toContainEqual({ complaint: 'invalid', option: '-' });
  }
});

test("the lines are the C library's, with one byte of a character", () => {
  const [word] = getopt(['-é'], grammar).options;
  expect(word).toEqual({ complaint: 'invalid', option: '\xc3' });
  expect(Buffer.from(complaintLine('/bin/étool', 'invalid', '\xc3'))).toEqual(
    Buffer.concat([Buffer.from("/bin/étool: invalid option -- '"), Buffer.from([0xc3]), Buffer.from("'\n")]),
  );
  expect(Buffer.from(complaintLine('tool', 'missing', 'd')).toString()).toBe(
    "tool: option requires an argument -- 'd'\n",
  );
  expect(Buffer.from(complaintLine('tool', 'missing', '--carrier')).toString()).toBe(
    "tool: option '--carrier' requires an argument\n",
  );
  expect(getopt(['-ué'], grammar).options).toEqual([option('u', 'é')]);
});
