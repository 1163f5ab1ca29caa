import { expect, test } from 'vitest';
import { integer } from '../../../src/lib/cli/index.ts';

test.each([
  ['0', 0],
  ['-0', 0],
  ['12', 12],
  ['-12', -12],
  ['010', 8],
  ['-0x1F', -31],
  ['0Xff', 255],
  [' \t\v+7', 7],
  ['4294967296', 2 ** 32],
  ['00', 0],
])('%j is %d', (word, number) => {
  expect(integer(word)).toBe(number);
});

test.each(['', ' ', '-', '12 ', '12ab', '08', '0x', '0x-5', '+-5', '- 5', '1e3', '0b1', '1.0', '\u00a07', '١'])(
  '%j is none',
  (word) => {
    expect(integer(word)).toBeUndefined();
  },
);
