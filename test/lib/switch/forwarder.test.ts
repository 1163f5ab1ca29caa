import { beforeEach, describe, expect, test } from 'vitest';
import { Arena } from '../../../src/lib/os/index.ts';
import { Counters } from '../../../src/lib/switch/counters.ts';
import { Forwarder, type Link, MAX_PORTS } from '../../../src/lib/switch/plane/forwarder.ts';

/** Frames that were sent, as [port, length]. */
let sent: [number, number][];
let log: string[];
let seconds: number;
let memory: Arena;
let counters: Counters;
let frame: number;

const link: Link = {
  fd: -1,
  take: () => 0,
  pass() {},
  send: (port, _, length) => void sent.push([port, length]),
  flush() {},
  remove() {},
};

beforeEach(() => {
  sent = [];
  log = [];
  seconds = 0;
  memory = new Arena(65_536);
  frame = memory.take(2048);
});

function make(kind: 'switch' | 'hub', ports: number[]): Forwarder {
  counters = new Counters(MAX_PORTS);
  const forwarder = new Forwarder({
    memory,
    kind,
    log: {
      learned: (low, high, port, old) => void log.push(`learned ${low}/${high} on ${port}, was ${old}`),
      unknown: (low, high, port) => void log.push(`unknown ${low}/${high} from ${port}`),
      flapping: (low, high, port, other) => void log.push(`flapping ${low}/${high} on ${port}, not ${other}`),
      loop: (port, other) => void log.push(`a loop from ${port} to ${other}`),
      loopOver: () => void log.push('no loop'),
      settled: (low, high, port) => void log.push(`settled ${low}/${high} on ${port}`),
    },
    counters,
    clock: () => seconds,
  });
  for (const port of ports) forwarder.addPort(port, link);
  return forwarder;
}

/** Passes a frame through; `to` and `from` are the last bytes of addresses 02:00:00:00:00:xx, 255 is broadcast. */
function pass(forwarder: Forwarder, port: number, to: number, from: number): [number, number][] {
  sent = [];
  const address = (n: number) => (n === 255 ? Array<number>(6).fill(255) : [2, 0, 0, 0, 0, n]);
  memory.u8.set([...address(to), ...address(from)], frame);
  forwarder.startBatch();
  forwarder.forward(port, frame, 60);
  return sent;
}

describe('a switch', () => {
  test('floods broadcasts and unknown addresses to all ports but the source, the newest first', () => {
    const forwarder = make('switch', [5, 6, 7]);
    expect(pass(forwarder, 6, 255, 1)).toEqual([
      [7, 60],
      [5, 60],
    ]);
    expect(pass(forwarder, 6, 9, 1)).toEqual([
      [7, 60],
      [5, 60],
    ]);
    expect(log).toEqual(['learned 2/256 on 6, was undefined', `unknown 2/${9 << 8} from 6`]);
  });

  test('sends to the one port of a known address', () => {
    const forwarder = make('switch', [5, 6, 7]);
    pass(forwarder, 5, 255, 1);
    expect(pass(forwarder, 6, 1, 2)).toEqual([[5, 60]]);
    expect(pass(forwarder, 5, 2, 1)).toEqual([[6, 60]]);
  });

  test('never sends a frame back to where it came from', () => {
    const forwarder = make('switch', [5, 6, 7]);
    pass(forwarder, 5, 255, 1);
    expect(pass(forwarder, 5, 1, 2)).toEqual([]);
  });

  test('follows an address that moves', () => {
    const forwarder = make('switch', [5, 6, 7]);
    pass(forwarder, 5, 255, 1);
    pass(forwarder, 7, 255, 1);
    expect(log).toEqual(['learned 2/256 on 5, was undefined', 'learned 2/256 on 7, was 5']);
    expect(pass(forwarder, 6, 1, 2)).toEqual([[7, 60]]);
  });

  test('does not learn group addresses', () => {
    const forwarder = make('switch', [5, 6, 7]);
    pass(forwarder, 5, 1, 255);
    expect(log).toEqual([`unknown 2/256 from 5`]);
  });

  test('floods to an address again that was silent for more than 100 seconds', () => {
    const forwarder = make('switch', [5, 6, 7]);
    pass(forwarder, 5, 255, 1);
    seconds = 100.9;
    expect(pass(forwarder, 6, 1, 2)).toEqual([[5, 60]]);
    seconds = 101;
    expect(pass(forwarder, 6, 1, 2)).toHaveLength(2);
  });

  test('forgets all addresses of a port that goes, and never delivers to whoever gets its number', () => {
    const forwarder = make('switch', [5, 6, 7]);
    pass(forwarder, 7, 255, 0x15);
    pass(forwarder, 7, 255, 0x16);
    forwarder.removePort(7);
    forwarder.addPort(7, link);
    for (const address of [0x15, 0x16]) {
      expect(pass(forwarder, 5, address, 1)).toEqual([
        [7, 60],
        [6, 60],
      ]);
    }
  });

  test('a port that is gone gets nothing', () => {
    const forwarder = make('switch', [5, 6, 7]);
    forwarder.removePort(6);
    expect(pass(forwarder, 5, 255, 1)).toEqual([[7, 60]]);
  });
});

test('a hub learns, but sends everything to everybody', () => {
  const forwarder = make('hub', [5, 6, 7]);
  pass(forwarder, 5, 255, 1);
  expect(pass(forwarder, 6, 1, 2)).toEqual([
    [7, 60],
    [5, 60],
  ]);
  expect(log).toEqual(['learned 2/256 on 5, was undefined', 'learned 2/512 on 6, was undefined']);
});

describe('what is counted', () => {
  const of = (port: number) => counters.read(port).counters;

  test('frames and bytes of both ways, at the ports where they came and went', () => {
    const forwarder = make('switch', [5, 6, 7]);
    pass(forwarder, 5, 255, 1);
    pass(forwarder, 6, 1, 2);
    expect(of(5)).toEqual({ rxFrames: 1, rxBytes: 60, rxDropped: 0, txFrames: 1, txBytes: 60, txLost: 0 });
    expect(of(6)).toEqual({ rxFrames: 1, rxBytes: 60, rxDropped: 0, txFrames: 1, txBytes: 60, txLost: 0 });
    expect(of(7)).toEqual({ rxFrames: 0, rxBytes: 0, rxDropped: 0, txFrames: 1, txBytes: 60, txLost: 0 });
  });

  test('what is too short or too long for a frame is received and dropped', () => {
    const forwarder = make('switch', [5, 6]);
    pass(forwarder, 5, 255, 1);
    for (const length of [1, 13, 14, 65_535, 65_536]) forwarder.forward(5, frame, length);
    expect(of(5)).toMatchObject({ rxFrames: 6, rxDropped: 3 });
    expect(of(6)).toMatchObject({ txFrames: 3, txBytes: 60 + 14 + 65_535 });
  });
});

describe('a port that is down', () => {
  test('neither sends nor receives, until it is up again', () => {
    const forwarder = make('switch', [5, 6, 7]);
    pass(forwarder, 6, 255, 2);
    forwarder.set({ set: 'state', port: 6, state: 'down' });
    expect(pass(forwarder, 6, 255, 2)).toEqual([]);
    expect(pass(forwarder, 5, 2, 1)).toEqual([[7, 60]]); // its address is not known any more
    expect(counters.read(6).counters).toMatchObject({ rxFrames: 2, rxDropped: 1, txFrames: 0 });
    forwarder.set({ set: 'state', port: 6, state: 'up' });
    expect(pass(forwarder, 5, 255, 1)).toEqual([
      [7, 60],
      [6, 60],
    ]);
    expect(pass(forwarder, 6, 1, 2)).toEqual([[5, 60]]);
  });

  test('leaves its state to nobody who gets its number', () => {
    const forwarder = make('switch', [5, 6]);
    forwarder.set({ set: 'state', port: 6, state: 'down' });
    forwarder.set({ set: 'vlan', port: 6, vlan: { mode: 'access', vlan: 10 } });
    forwarder.removePort(6);
    forwarder.addPort(6, link);
    expect(pass(forwarder, 5, 255, 1)).toEqual([[6, 60]]);
  });
});

test('a switch becomes a hub and a switch again, and knows what it learned meanwhile', () => {
  const forwarder = make('switch', [5, 6, 7]);
  pass(forwarder, 5, 255, 1);
  forwarder.set({ set: 'kind', kind: 'hub' });
  expect(pass(forwarder, 6, 1, 2)).toHaveLength(2);
  forwarder.set({ set: 'kind', kind: 'switch' });
  expect(pass(forwarder, 5, 2, 1)).toEqual([[6, 60]]);
});

test('the ageing time can be changed', () => {
  const forwarder = make('switch', [5, 6, 7]);
  pass(forwarder, 5, 255, 1);
  forwarder.set({ set: 'ageing', seconds: 10 });
  seconds = 11;
  expect(pass(forwarder, 6, 1, 2)).toHaveLength(2);
  pass(forwarder, 5, 255, 1);
  forwarder.set({ set: 'ageing', seconds: 0 });
  seconds = 100_000;
  expect(pass(forwarder, 6, 1, 2)).toEqual([[5, 60]]);
});

test('an observer sees what comes and what goes, and after that sees nothing', () => {
  const forwarder = make('switch', [5, 6, 7]);
  const seen: string[] = [];
  forwarder.observe({
    received: (port, at, length) => void seen.push(`${port} in ${at - frame} ${length}`),
    sent: (port, at, length) => void seen.push(`${port} out ${at - frame} ${length}`),
  });
  pass(forwarder, 5, 255, 1);
  pass(forwarder, 6, 1, 2);
  expect(seen).toEqual(['5 in 0 60', '7 out 0 60', '6 out 0 60', '6 in 0 60', '5 out 0 60']);
  forwarder.observe(undefined);
  expect(pass(forwarder, 6, 1, 2)).toEqual([[5, 60]]);
  expect(seen).toHaveLength(5);
});
