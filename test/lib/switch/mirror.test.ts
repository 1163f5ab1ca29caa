import { describe, expect, test } from 'vitest';
import type { Mirror } from '../../../src/lib/switch/ports.ts';
import { Recorder, type Sent } from './recorder.ts';
import { broadcast, frame, mac } from './wire.ts';

const WATCHER = 9;

function watch(from: Mirror['from']): Recorder {
  const network = new Recorder([5, 6, 7, WATCHER]);
  for (const port of [5, 6, 7]) network.pass(port, frame(broadcast, mac(port)));
  network.forwarder.set({ set: 'mirror', mirror: { from, to: WATCHER } });
  return network;
}

const to = (frames: Sent[]): number[] => frames.map(({ port }) => port);

describe.each([
  ['all ports', 'all' as const],
  ['two ports', [5, 6]],
])('the mirror of %s', (_, from) => {
  test('gets what they send each other, once', () => {
    const network = watch(from);
    const hello = frame(mac(6), mac(5));
    expect(network.pass(5, hello)).toEqual([
      { port: 6, frame: hello },
      { port: WATCHER, frame: hello },
    ]);
  });

  test('gets a broadcast once, from a watched port or to one', () => {
    const network = watch(from);
    expect(to(network.pass(5, frame(broadcast, mac(5))))).toEqual([6, 7, WATCHER]);
    expect(to(network.pass(7, frame(broadcast, mac(7))))).toEqual([5, 6, WATCHER]);
  });

  test('gets what stays behind one port', () => {
    const network = watch(from);
    expect(to(network.pass(5, frame(mac(5), mac(0x55))))).toEqual([WATCHER]);
  });

  test('is a port like others: what it sends goes out, what is sent to it comes in, nothing comes back', () => {
    const network = watch(from);
    expect(to(network.pass(WATCHER, frame(broadcast, mac(9))))).toEqual([5, 6, 7]);
    expect(to(network.pass(5, frame(mac(9), mac(5))))).toEqual([WATCHER]);
    expect(to(network.pass(7, frame(mac(9), mac(7))))).toEqual([WATCHER]);
    expect(to(network.pass(WATCHER, frame(mac(5), mac(9))))).toEqual([5]);
  });
});

test('frames between ports that are not watched are not copied', () => {
  const network = watch([5]);
  expect(to(network.pass(6, frame(mac(7), mac(6))))).toEqual([7]);
  expect(to(network.pass(6, frame(mac(5), mac(6))))).toEqual([5, WATCHER]);
});

test('the copy is the frame as it came in, also of one that its VLAN does not let in', () => {
  const network = watch([5, 6]);
  network.forwarder.set({ set: 'vlan', port: 5, vlan: { mode: 'trunk', vlans: [10] } });
  network.forwarder.set({ set: 'vlan', port: 6, vlan: { mode: 'access', vlan: 10 } });
  const bare = frame(broadcast, mac(5));
  const tagged = Buffer.concat([bare.subarray(0, 12), Buffer.from([0x81, 0, 0, 10]), bare.subarray(12)]);
  expect(network.pass(5, tagged)).toEqual([
    { port: 6, frame: bare },
    { port: WATCHER, frame: tagged },
  ]);
  expect(network.pass(6, bare)).toEqual([
    { port: 5, frame: tagged },
    { port: WATCHER, frame: bare },
  ]);
  expect(network.pass(6, tagged)).toEqual([{ port: WATCHER, frame: tagged }]);
});

test('it ends when it is told to, with its port, and gives no copies to a port that gets its number', () => {
  const ended = watch('all');
  ended.forwarder.set({ set: 'mirror', mirror: undefined });
  expect(to(ended.pass(5, frame(mac(6), mac(5))))).toEqual([6]);

  const gone = watch('all');
  gone.forwarder.removePort(WATCHER);
  expect(to(gone.pass(5, frame(mac(6), mac(5))))).toEqual([6]);

  const down = watch('all');
  down.forwarder.set({ set: 'state', port: WATCHER, state: 'down' });
  expect(to(down.pass(5, frame(broadcast, mac(5))))).toEqual([6, 7]);
  down.forwarder.set({ set: 'state', port: WATCHER, state: 'up' });
  expect(to(down.pass(5, frame(broadcast, mac(5))))).toEqual([6, 7, WATCHER]);
});
