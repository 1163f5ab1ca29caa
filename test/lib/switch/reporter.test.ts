import { beforeEach, expect, test } from 'vitest';
import { Counters } from '../../../src/lib/switch/counters.ts';
import { MAX_PORTS } from '../../../src/lib/switch/plane/forwarder.ts';
import type { PlaneReport } from '../../../src/lib/switch/plane/messages.ts';
import { Reporter } from '../../../src/lib/switch/plane/reporter.ts';

let seconds: number;
let reports: PlaneReport[];
let reporter: Reporter;

beforeEach(() => {
  seconds = 10;
  reports = [];
  reporter = new Reporter(
    (report) => void reports.push(report),
    new Counters(MAX_PORTS),
    () => seconds,
  );
});

const lost = (frames: number) => ({ report: 'lost', port: 7, link: 'client', errno: 11, frames });

test('the first lost frame is told at once, the others counted once a second, then nothing is pending', () => {
  for (let n = 0; n < 341; n++) reporter.lost(7, 'client', 11, 60);
  expect(reports).toEqual([lost(1)]);
  expect(reporter.pending).toBe(true);
  seconds = 11;
  reporter.catchUp();
  expect(reports).toEqual([lost(1), lost(340)]);
  seconds = 12;
  reporter.catchUp();
  expect(reports).toHaveLength(2);
  expect(reporter.pending).toBe(false);
});

test('addresses are written as people write them', () => {
  reporter.learned(0x00fdfe02, 0x0100, 5, undefined);
  reporter.unknown(0xffeeddcc, 0xbbaa, 6);
  expect(reports).toEqual([
    { report: 'learned', address: '02:fe:fd:00:00:01', port: 5, oldPort: undefined },
    { report: 'unknown', address: 'cc:dd:ee:ff:aa:bb', port: 6 },
  ]);
});

test('a flood of new addresses fills 200 lines a second, and the rest is counted', () => {
  for (let n = 0; n < 1000; n++) reporter.learned(n << 8, 0, 5, undefined);
  expect(reports).toHaveLength(200);
  seconds = 11;
  reporter.catchUp();
  expect(reports[200]).toEqual({ report: 'left-out', lines: 800 });
  reporter.unknown(0, 0, 5);
  expect(reports).toHaveLength(202);
});

test('a stranger is told of once a second', () => {
  for (let n = 0; n < 100; n++) reporter.stranger();
  expect(reports).toEqual([{ report: 'stranger' }]);
  seconds = 11;
  reporter.stranger();
  expect(reports).toHaveLength(2);
});
