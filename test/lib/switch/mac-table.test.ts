import { describe, expect, test } from 'vitest';
import {
  CAPACITY,
  DEFAULT_AGEING,
  LISTED,
  MacTable,
  NEWLY_PINNED,
  PINNED,
  TABLE_FULL,
  UNKNOWN,
} from '../../../src/lib/switch/plane/mac-table.ts';

const PORTS = 16;

test('an address is on the port that it was last seen on', () => {
  const table = new MacTable(PORTS);
  expect(table.find(0xfefd, 1, 0)).toBe(UNKNOWN);
  expect(table.learn(0xfefd, 1, 5, 0)).toBe(UNKNOWN);
  expect(table.learn(0xfefd, 1, 5, 1)).toBe(5);
  expect(table.learn(0xfefd, 1, 6, 2)).toBe(5);
  expect(table.find(0xfefd, 1, 2)).toBe(6);
});

test('all 48 bits count, and the VLAN above them', () => {
  const table = new MacTable(PORTS);
  table.learn(0x01020304, 0x0506, 5, 0);
  expect(table.find(0x01020304, 0x0507, 0)).toBe(UNKNOWN);
  expect(table.find(0x81020304, 0x0506, 0)).toBe(UNKNOWN);
  expect(table.find(0x01020304, 0x1_0506, 0)).toBe(UNKNOWN);
  table.learn(0xffffffff, 0xffff, 6, 0);
  table.learn(0xffffffff, 0xffe_ffff, 7, 0);
  expect(table.find(0xffffffff, 0xffff, 0)).toBe(6);
  expect(table.find(0xffffffff, 0xffe_ffff, 0)).toBe(7);
});

describe('ageing', () => {
  test('an address is forgotten when it was silent for more than 100 seconds, and new then', () => {
    const table = new MacTable(PORTS);
    table.learn(1, 2, 5, 1000);
    expect(table.find(1, 2, 1000 + DEFAULT_AGEING)).toBe(5);
    expect(table.find(1, 2, 1001 + DEFAULT_AGEING)).toBe(UNKNOWN);
    expect(table.learn(1, 2, 5, 1001 + DEFAULT_AGEING)).toBe(UNKNOWN);
    expect(table.find(1, 2, 1001 + DEFAULT_AGEING)).toBe(5);
  });

  test('every frame renews it, being sent to does not', () => {
    const table = new MacTable(PORTS);
    table.learn(1, 2, 5, 0);
    table.learn(1, 2, 5, 90);
    table.find(1, 2, 150);
    expect(table.find(1, 2, 190)).toBe(5);
    expect(table.find(1, 2, 191)).toBe(UNKNOWN);
  });

  test('its time can be set, 0 is for ever', () => {
    const table = new MacTable(PORTS);
    table.learn(1, 2, 5, 0);
    table.setAgeing(10);
    expect(table.find(1, 2, 10)).toBe(5);
    expect(table.find(1, 2, 11)).toBe(UNKNOWN);
    table.setAgeing(0);
    expect(table.find(1, 2, 10_000_000)).toBe(5);
  });
});

test('a port that goes takes all its addresses along and no other, whatever their places in the table', () => {
  const table = new MacTable(PORTS);
  for (let n = 0; n < 60_000; n++) table.learn(n * 7919, n & 0xffff, 5 + (n % 3), 0);
  table.forgetPort(6);
  for (let n = 0; n < 60_000; n++) {
    const port = table.find(n * 7919, n & 0xffff, 0);
    if (port !== (n % 3 === 1 ? UNKNOWN : 5 + (n % 3))) expect.fail(`address ${n} is on port ${port}`);
  }
  expect(table.learn(7919, 1, 6, 0)).toBe(UNKNOWN); // nor does the next port of the number have them
  expect(table.find(7919, 1, 0)).toBe(6);
});

describe('when it is full', () => {
  test('100,000 addresses are found; invented ones fill the table and no more; aged ones make room again', () => {
    const table = new MacTable(PORTS);
    let learned = 0;
    while (table.learn(learned, 0xbad, 5 + (learned % 11), 0) !== TABLE_FULL) learned++;
    expect(learned).toBe(CAPACITY);
    expect(CAPACITY).toBeGreaterThan(100_000);
    for (let n = 0; n < learned; n++) {
      if (table.find(n, 0xbad, 0) !== 5 + (n % 11)) expect.fail(`address ${n} is lost`);
    }
    expect(table.learn(0, 0xbad, 6, DEFAULT_AGEING)).toBe(5);
    expect(table.learn(1, 0x600d, 7, DEFAULT_AGEING)).toBe(TABLE_FULL);
    expect(table.learn(1, 0x600d, 7, DEFAULT_AGEING + 1)).toBe(UNKNOWN);
    expect(table.find(1, 0x600d, DEFAULT_AGEING + 1)).toBe(7);
    expect(table.find(0, 0xbad, DEFAULT_AGEING + 1)).toBe(6);
  });

  test('the addresses of a port that is gone make room, and every other one stays where it can be found', () => {
    const table = new MacTable(PORTS);
    for (let n = 0; n < CAPACITY; n++) table.learn(n * 31_337, n & 0xfff, n % 4 === 0 ? 5 : 6, 0);
    table.forgetPort(5);
    for (let n = 0; n < CAPACITY / 8; n++) {
      for (let again = 0; table.learn(n, 0x600d, 7, 0) === TABLE_FULL; again++) {
        if (again === 10_000) expect.fail('the table stays full');
      }
    }
    for (let n = 0; n < CAPACITY; n++) {
      const port = table.find(n * 31_337, n & 0xfff, 0);
      if (port !== (n % 4 === 0 ? UNKNOWN : 6)) expect.fail(`address ${n} is on port ${port}`);
    }
    for (let n = 0; n < CAPACITY / 8; n++) if (table.find(n, 0x600d, 0) !== 7) expect.fail(`new address ${n} is lost`);
  });
});

describe('lists', () => {
  function filled(): MacTable {
    const table = new MacTable(PORTS);
    table.learn(1, 0xa, 5, 0);
    table.learn(2, 0xa, 5, 10);
    table.learn(2, 0x7_000a, 6, 20);
    table.learn(3, 0x7_000b, 7, 30);
    return table;
  }
  /** [low, high, port, age] of each, in order. */
  const rows = (words: Uint32Array): number[][] =>
    Array.from({ length: words.length / LISTED.size }, (_, at) => [...words.subarray(4 * at, 4 * at + 4)]).sort(
      ([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d,
    );

  test('all addresses, or those of a port, of a VLAN, or of one address, without those that have aged', () => {
    const table = filled();
    const all = [
      [1, 0xa, 5, 30],
      [2, 0xa, 5, 20],
      [2, 0x7_000a, 6, 10],
      [3, 0x7_000b, 7, 0],
    ];
    expect(rows(table.list({}, 30))).toEqual(all);
    expect(rows(table.list({ port: 5 }, 30))).toEqual(all.slice(0, 2));
    expect(rows(table.list({ vlan: 7 }, 30))).toEqual(all.slice(2));
    expect(rows(table.list({ vlan: 0 }, 30))).toEqual(all.slice(0, 2));
    expect(rows(table.list({ address: { low: 2, high: 0xa } }, 30))).toEqual(all.slice(1, 3));
    expect(rows(table.list({ address: { low: 2, high: 0xa }, vlan: 7 }, 30))).toEqual([[2, 0x7_000a, 6, 10]]);
    expect(rows(table.list({}, 105))).toHaveLength(3);
    table.forgetPort(5);
    expect(rows(table.list({}, 30))).toEqual(all.slice(2));
  });

  test('what is forgotten is listed and gone', () => {
    const table = filled();
    expect(rows(table.forget({ vlan: 7 }, 30)).map(([low]) => low)).toEqual([2, 3]);
    expect(table.find(3, 0x7_000b, 30)).toBe(UNKNOWN);
    expect(table.find(2, 0xa, 30)).toBe(5);
    expect(table.learn(3, 0x7_000b, 5, 30)).toBe(UNKNOWN);
    expect(table.forget({}, 30)).toHaveLength(3 * LISTED.size);
    expect(table.list({}, 30)).toHaveLength(0);
  });
});

describe('an address that moves to and fro', () => {
  /** Moves the address between ports 6 and 7 in turns, until it is pinned. The frames that took. */
  function circle(table: MacTable, now: number): number {
    for (let n = 0; n < 100; n++) if (table.learn(1, 1, 6 + (n % 2), now) === NEWLY_PINNED) return n;
    return expect.fail('it is never pinned');
  }

  test('is pinned to the port where it was before', () => {
    const table = new MacTable(PORTS);
    table.learn(1, 1, 5, 0);
    expect(circle(table, 50)).toBe(20);
    expect(table.find(1, 1, 50)).toBe(5);
    expect(table.learn(1, 1, 7, 50)).toBe(PINNED);
    expect(table.learn(1, 1, 5, 50)).toBe(5);
    expect(table.isPinned(1, 1, 50)).toBe(true);
    expect(table.isPinned(2, 1, 50)).toBe(false);
  });

  test('that came up in the circle is pinned to where it came first', () => {
    const table = new MacTable(PORTS);
    circle(table, 50);
    expect(table.find(1, 1, 50)).toBe(6);
  });

  test('may move twenty times a second', () => {
    const table = new MacTable(PORTS);
    table.learn(1, 1, 5, 0);
    for (let n = 0; n < 100; n++)
      expect(table.learn(1, 1, 6 + (n % 2), 10 + Math.floor(n / 10))).not.toBe(NEWLY_PINNED);
  });

  test('stays pinned as long as it speaks on both sides, and not longer than five seconds when it does not', () => {
    const table = new MacTable(PORTS);
    table.learn(1, 1, 5, 0);
    circle(table, 50);
    for (let now = 51; now < 80; now++) {
      expect(table.learn(1, 1, 5, now)).toBe(5);
      expect(table.learn(1, 1, 7, now)).toBe(PINNED);
    }
    expect(table.isPinned(1, 1, 84)).toBe(true); // it was renewed at 75 and at 80
    expect(table.isPinned(1, 1, 90)).toBe(false);
    expect(table.find(1, 1, 90)).toBe(5);
  });

  test('that is heard on the other side only has moved, after five seconds', () => {
    const table = new MacTable(PORTS);
    table.learn(1, 1, 5, 0);
    circle(table, 50);
    expect(table.learn(1, 1, 7, 54)).toBe(PINNED);
    expect(table.learn(1, 1, 7, 55)).toBe(5);
    expect(table.find(1, 1, 55)).toBe(7);
  });

  test('is pinned to where it is now if its first port is gone meanwhile', () => {
    const table = new MacTable(PORTS);
    table.learn(1, 1, 5, 0);
    table.learn(1, 1, 6, 50);
    table.forgetPort(5);
    for (let n = 1; n < 20; n++) table.learn(1, 1, 6 + (n % 2), 50);
    expect(table.learn(1, 1, 6, 50)).toBe(NEWLY_PINNED);
    expect(table.find(1, 1, 50)).toBe(7);
  });
});
