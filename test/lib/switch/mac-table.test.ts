import { describe, expect, test } from 'vitest';
import { DEFAULT_AGEING, MacTable, TABLE_FULL, UNKNOWN } from '../../../src/lib/switch/plane/mac-table.ts';

test('an address is on the port that it was last seen on', () => {
  const table = new MacTable();
  expect(table.find(0xfefd, 1, 0)).toBe(UNKNOWN);
  expect(table.learn(0xfefd, 1, 5, 0)).toBe(UNKNOWN);
  expect(table.learn(0xfefd, 1, 5, 1)).toBe(5);
  expect(table.learn(0xfefd, 1, 6, 2)).toBe(5);
  expect(table.find(0xfefd, 1, 2)).toBe(6);
});

test('all 48 bits count', () => {
  const table = new MacTable();
  table.learn(0x01020304, 0x0506, 5, 0);
  expect(table.find(0x01020304, 0x0507, 0)).toBe(UNKNOWN);
  expect(table.find(0x81020304, 0x0506, 0)).toBe(UNKNOWN);
  table.learn(0xffffffff, 0xffff, 6, 0);
  expect(table.find(0xffffffff, 0xffff, 0)).toBe(6);
});

describe('ageing', () => {
  test('an address is forgotten when it was silent for more than 100 seconds, and new then', () => {
    const table = new MacTable();
    table.learn(1, 2, 5, 1000);
    expect(table.find(1, 2, 1000 + DEFAULT_AGEING)).toBe(5);
    expect(table.find(1, 2, 1001 + DEFAULT_AGEING)).toBe(UNKNOWN);
    expect(table.learn(1, 2, 5, 1001 + DEFAULT_AGEING)).toBe(UNKNOWN);
    expect(table.find(1, 2, 1001 + DEFAULT_AGEING)).toBe(5);
  });

  test('every frame renews it, being sent to does not', () => {
    const table = new MacTable();
    table.learn(1, 2, 5, 0);
    table.learn(1, 2, 5, 90);
    table.find(1, 2, 150);
    expect(table.find(1, 2, 190)).toBe(5);
    expect(table.find(1, 2, 191)).toBe(UNKNOWN);
  });
});

test('a port that goes takes all its addresses along and no other, whatever their places in the table', () => {
  const table = new MacTable();
  for (let n = 0; n < 6000; n++) table.learn(n * 7919, n & 0xffff, 5 + (n % 3), 0);
  table.forgetPort(6);
  for (let n = 0; n < 6000; n++) {
    expect(table.find(n * 7919, n & 0xffff, 0)).toBe(n % 3 === 1 ? UNKNOWN : 5 + (n % 3));
  }
});

test('a guest that invents addresses fills the table and no more; aged ones make room again', () => {
  const table = new MacTable();
  let learned = 0;
  while (table.learn(learned, 0xbad, 5, 0) !== TABLE_FULL) learned++;
  expect(learned).toBe(8192);
  expect(table.learn(0, 0xbad, 6, 0)).toBe(5);
  expect(table.learn(1, 0x600d, 7, DEFAULT_AGEING)).toBe(TABLE_FULL);
  expect(table.learn(1, 0x600d, 7, DEFAULT_AGEING + 1)).toBe(UNKNOWN);
  expect(table.find(1, 0x600d, DEFAULT_AGEING + 1)).toBe(7);
});
