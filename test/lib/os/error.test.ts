import { openSync } from 'node:fs';
import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { errnoOf, errorText, hasCode, OsError, strerror } from '../../../src/lib/os/index.ts';

function thrownBy(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

test("texts are the C library's", () => {
  expect(strerror(2)).toBe('No such file or directory');
  expect(strerror(-11)).toBe('Resource temporarily unavailable');
  expect(strerror(99_999)).toBe('Unknown error 99999');
});

test('an error has the name of its errno, and the number where there is none', () => {
  expect(new OsError('send', constants.errno.EAGAIN).code).toBe('EAGAIN');
  expect(new OsError('fallocate', 95).code).toBe('EOPNOTSUPP');
  expect(new OsError('read', 117)).toMatchObject({ code: 'E117', message: 'read: Structure needs cleaning' });
});

test("Node's own errors and ours read alike", () => {
  const fromNode = thrownBy(() => openSync('/nowhere/file', 'r'));
  const ours = new OsError('open', 2, '/nowhere/file');
  expect([errnoOf(fromNode), errnoOf(ours)]).toEqual([2, 2]);
  expect([errorText(fromNode), errorText(ours)]).toEqual(Array(2).fill('No such file or directory'));
  expect([hasCode(fromNode, 'EPERM', 'ENOENT'), hasCode(ours, 'ENOENT'), hasCode(ours, 'EPERM')]).toEqual([
    true,
    true,
    false,
  ]);
});

test('what is no system error is shown as it is', () => {
  expect(errorText(new RangeError('too far'))).toBe('too far');
  expect(errorText('a string')).toBe('a string');
  expect(errnoOf(new Error('no errno'))).toBeUndefined();
  expect(hasCode('ENOENT', 'ENOENT')).toBe(false);
});
