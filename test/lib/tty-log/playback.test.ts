import { expect, test } from 'vitest';
import { type Choice, Pace, Sessions, shown, type TtyRecord } from '../../../src/lib/tty-log/index.ts';
import { SESSION } from './records.ts';

const screen = (choice: Choice) => Buffer.concat(SESSION.flatMap((record) => shown(record, choice) ?? [])).toString();

test('what is shown of a log', () => {
  expect(screen({ what: 'output' })).toBe('login: root\r\nsecond\n');
  expect(screen({ what: 'output', tty: 0x10 })).toBe('login: root\r\n');
  expect(screen({ what: 'traffic', tty: 0x10 })).toBe('login: root\rroot\r\n');
  expect(screen({ what: 'execs' })).toBe('/bin/sh -c ls -l\n/usr/sbin/cron\n');
  expect(screen({ what: 'execs', tty: 0x10 })).toBe('/bin/sh -c ls -l\n');
});

test('sessions are ttys opened from none or from themselves, in the order of their beginning', () => {
  const sessions = new Sessions();
  for (const record of [...SESSION, ...SESSION]) sessions.see(record);
  expect([...sessions.ttys]).toEqual([0x10, 0x20]);
});

test('the pace of a log: gaps stay what they were, lateness is made up, a clock that goes back costs nothing', () => {
  let now = 1000;
  const pace = new Pace(() => now);
  const delay = (milliseconds: number) => pace.delay({ op: 'close', tty: 1, time: milliseconds * 1000 } as TtyRecord);
  expect(delay(50_000)).toBe(0); // the first one begins it
  expect(delay(50_300)).toBe(300);
  now += 250; // the sleep was short
  expect(delay(50_400)).toBe(150);
  now += 500; // late by 350
  expect(delay(50_600)).toBe(0);
  expect(delay(50_800)).toBe(50);
  expect(delay(10_000)).toBe(50); // at once after the one before
  expect(delay(10_100)).toBe(150);
});
