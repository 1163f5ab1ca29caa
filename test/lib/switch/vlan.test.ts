import { describe, expect, test } from 'vitest';
import type { PortVlan } from '../../../src/lib/switch/ports.ts';
import { Recorder, type Sent } from './recorder.ts';
import { broadcast, frame, mac } from './wire.ts';

const access = (vlan: number): PortVlan => ({ mode: 'access', vlan });
const trunk = (vlans: 'all' | number[], native?: number): PortVlan => ({ mode: 'trunk', vlans, native });

/** The frame with a tag after its addresses. */
function tagged(bytes: Buffer, vlan: number, priority = 0): Buffer {
  const tag = Buffer.from([0x81, 0x00, (priority << 5) | (vlan >> 8), vlan & 255]);
  return Buffer.concat([bytes.subarray(0, 12), tag, bytes.subarray(12)]);
}

const to = (frames: Sent[]): number[] => frames.map(({ port }) => port);

describe('access ports', () => {
  test('reach those of their VLAN and no other, nor transparent ports', () => {
    const network = new Recorder([5, 6, 7, 8, 9], { 5: access(10), 6: access(10), 7: access(20), 8: access(10) });
    const hello = frame(broadcast, mac(1));
    expect(network.pass(5, hello)).toEqual([
      { port: 6, frame: hello },
      { port: 8, frame: hello },
    ]);
    expect(network.pass(9, hello)).toEqual([]);
    expect(to(network.pass(7, hello))).toEqual([]);
  });

  test('the same address may be in two VLANs, and is known in its own only', () => {
    const vlans = { 5: access(10), 6: access(20), 7: access(10), 8: access(20), 9: access(10), 11: access(20) };
    const network = new Recorder([5, 6, 7, 8, 9, 11], vlans);
    network.pass(5, frame(broadcast, mac(1)));
    network.pass(6, frame(broadcast, mac(1)));
    expect(to(network.pass(7, frame(mac(1), mac(2))))).toEqual([5]);
    expect(to(network.pass(8, frame(mac(1), mac(2))))).toEqual([6]);
    network.forwarder.removePort(5);
    expect(to(network.pass(7, frame(mac(1), mac(2))))).toEqual([9]);
    expect(to(network.pass(8, frame(mac(1), mac(2))))).toEqual([6]);
  });

  test('take no tags but those of no VLAN, which are taken out', () => {
    const network = new Recorder([5, 6], { 5: access(10), 6: access(10) });
    const hello = frame(broadcast, mac(1));
    expect(network.pass(5, tagged(hello, 10))).toEqual([]);
    expect(network.pass(5, tagged(hello, 20))).toEqual([]);
    expect(network.pass(5, tagged(tagged(hello, 20), 10))).toEqual([]);
    expect(network.pass(5, tagged(tagged(hello, 20), 0))).toEqual([]);
    expect(network.pass(5, tagged(hello, 0, 5))).toEqual([{ port: 6, frame: hello }]);
    expect(network.counters.read(5).counters).toMatchObject({ rxFrames: 5, rxDropped: 4 });
  });
});

describe('trunks', () => {
  test('carry VLANs with tags, and only theirs', () => {
    const network = new Recorder([5, 6, 7, 8], { 5: access(10), 6: access(20), 7: trunk([10, 30]), 8: trunk('all') });
    const hello = frame(broadcast, mac(1));
    expect(network.pass(5, hello)).toEqual([
      { port: 7, frame: tagged(hello, 10) },
      { port: 8, frame: tagged(hello, 10) },
    ]);
    expect(network.pass(6, hello)).toEqual([{ port: 8, frame: tagged(hello, 20) }]);
    expect(network.pass(8, tagged(hello, 20, 3))).toEqual([{ port: 6, frame: hello }]);
    expect(network.pass(7, tagged(hello, 10, 3))).toEqual([
      { port: 5, frame: hello },
      { port: 8, frame: tagged(hello, 10, 3) },
    ]);
    expect(network.pass(7, tagged(hello, 20))).toEqual([]);
    expect(network.pass(8, tagged(hello, 4095))).toEqual([]);
    expect(network.pass(8, hello)).toEqual([]);
    expect(network.pass(8, tagged(hello, 0))).toEqual([]);
    expect(network.counters.read(8).counters).toMatchObject({ rxFrames: 4, rxDropped: 3 });
  });

  test('frames without a tag or a VLAN are those of the native one', () => {
    const vlans = { 5: access(1), 6: trunk([10], 1), 7: trunk([10], 1), 8: trunk([1, 10]) };
    const network = new Recorder([5, 6, 7, 8], vlans);
    const hello = frame(broadcast, mac(1));
    const received = [
      { port: 5, frame: hello },
      { port: 7, frame: hello },
    ];
    expect(network.pass(6, hello)).toEqual([...received, { port: 8, frame: tagged(hello, 1) }]);
    expect(network.pass(6, tagged(hello, 0, 6))).toEqual([...received, { port: 8, frame: tagged(hello, 1, 6) }]);
    expect(network.pass(6, tagged(hello, 1, 2))).toEqual([...received, { port: 8, frame: tagged(hello, 1, 2) }]);
  });

  test('a second tag is data, and never comes to the front on a trunk', () => {
    const network = new Recorder([5, 6, 7, 8], {
      5: trunk([10, 20]),
      6: trunk([20], 10),
      7: access(10),
      8: access(20),
    });
    const inner = tagged(frame(broadcast, mac(1)), 20);
    expect(network.pass(5, tagged(inner, 10))).toEqual([
      { port: 6, frame: tagged(inner, 10) },
      { port: 7, frame: inner },
    ]);
    const priority = tagged(inner, 0);
    expect(network.pass(6, priority)).toEqual([
      { port: 5, frame: tagged(inner, 10) },
      { port: 7, frame: inner },
    ]);
  });

  test('a tag that is cut off, and a frame that would get too long by one, are dropped', () => {
    const network = new Recorder([5, 6, 7], { 5: trunk('all', 1), 6: access(1), 7: trunk('all') });
    const hello = frame(broadcast, mac(1), 70_000);
    for (const length of [14, 15, 17]) expect(network.pass(5, tagged(hello, 1).subarray(0, length))).toEqual([]);
    expect(network.pass(5, tagged(hello, 1).subarray(0, 18))).toHaveLength(2);
    expect(network.pass(6, hello.subarray(0, 65_532))).toEqual([]);
    expect(network.pass(6, hello.subarray(0, 65_531)).map((sent) => sent.frame.length)).toEqual([65_531, 65_535]);
    expect(network.counters.read(5).counters.rxDropped).toBe(3);
    expect(network.counters.read(6).counters.rxDropped).toBe(1);
  });
});

test('a transparent switch carries tags as data', () => {
  const network = new Recorder([5, 6, 7]);
  const hello = tagged(frame(broadcast, mac(1)), 10, 7);
  expect(network.pass(5, hello)).toEqual([
    { port: 6, frame: hello },
    { port: 7, frame: hello },
  ]);
});

test('a port that changes its VLAN takes no address along', () => {
  const network = new Recorder([5, 6, 7], { 5: access(10), 6: access(10), 7: access(10) });
  network.pass(5, frame(broadcast, mac(1)));
  expect(to(network.pass(6, frame(mac(1), mac(2))))).toEqual([5]);
  network.forwarder.set({ set: 'vlan', port: 5, vlan: access(20) });
  expect(to(network.pass(6, frame(mac(1), mac(2))))).toEqual([7]);
  network.forwarder.set({ set: 'vlan', port: 5, vlan: { mode: 'transparent' } });
  expect(to(network.pass(5, frame(broadcast, mac(1))))).toEqual([]);
});

test('a hub floods, but within the VLAN', () => {
  const network = new Recorder([5, 6, 7, 8], { 5: access(10), 6: access(10), 7: access(10), 8: access(20) }, 'hub');
  network.pass(5, frame(broadcast, mac(1)));
  expect(to(network.pass(6, frame(mac(1), mac(2))))).toEqual([5, 7]);
});

/** What 802.1Q says in the plainest words: the frame without its VLAN's tag, and the VLAN. */
function classify(vlan: PortVlan, bytes: Buffer): { vlan: number; tag: Buffer | undefined; bare: Buffer } | undefined {
  if (vlan.mode === 'transparent') return { vlan: 0, tag: undefined, bare: bytes };
  const native = vlan.mode === 'access' ? vlan.vlan : vlan.native;
  const isTagged = (at: number) => bytes.length >= at + 4 && bytes.readUInt16BE(at) === 0x8100;
  if (!isTagged(12)) return native === undefined ? undefined : { vlan: native, tag: undefined, bare: bytes };
  const number = bytes.readUInt16BE(14) & 0xfff;
  if (vlan.mode === 'access' && (number !== 0 || isTagged(16))) return undefined;
  const found = number === 0 ? native : number;
  const carried = vlan.mode === 'trunk' && (vlan.vlans === 'all' || vlan.vlans.includes(found ?? -1));
  if (found === undefined || (!carried && found !== native)) return undefined;
  return { vlan: found, tag: bytes.subarray(12, 16), bare: Buffer.concat([bytes.subarray(0, 12), bytes.subarray(16)]) };
}

function received(vlan: PortVlan, frame: NonNullable<ReturnType<typeof classify>>): Buffer | undefined {
  if (frame.vlan === 0) return vlan.mode === 'transparent' ? frame.bare : undefined;
  if (vlan.mode === 'transparent') return undefined;
  const inner = frame.bare.readUInt16BE(12) === 0x8100;
  if (vlan.mode === 'access') return vlan.vlan === frame.vlan ? frame.bare : undefined;
  if (vlan.native === frame.vlan && !inner) return frame.bare;
  if (vlan.native !== frame.vlan && vlan.vlans !== 'all' && !vlan.vlans.includes(frame.vlan)) return undefined;
  return tagged(frame.bare, frame.vlan, (frame.tag?.[2] ?? 0) >> 5);
}

test('batches of any frames between any ports come out as the plain rules say, byte for byte', () => {
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const vlanOf = (): PortVlan =>
    [
      { mode: 'transparent' } as const,
      access(1 + random(3)),
      trunk([1 + random(3), 1 + random(3)], random(2) === 0 ? undefined : 1 + random(3)),
      trunk('all', random(2) === 0 ? undefined : 1 + random(3)),
    ][random(4)]!;
  for (let round = 0; round < 200; round++) {
    const ports = [5, 6, 7, 8, 9, 10];
    const vlans = Object.fromEntries(ports.map((port) => [port, vlanOf()]));
    const network = new Recorder(ports, vlans);
    const frames = Array.from({ length: 8 }, (): Sent => {
      const port = ports[random(6)]!;
      let bytes: Buffer = frame(broadcast, mac(port), 40 + random(30));
      for (let tags = random(3); tags > 0; tags--) bytes = tagged(bytes, random(5), random(8));
      return { port, frame: bytes };
    });
    const expected = frames.flatMap(({ port, frame: bytes }) => {
      const found = classify(vlans[port]!, bytes);
      if (!found) return [];
      return ports.flatMap((each): Sent[] => {
        const out = each === port ? undefined : received(vlans[each]!, found);
        return out ? [{ port: each, frame: out }] : [];
      });
    });
    expect(network.batch(frames)).toEqual(expected.sort((a, b) => a.port - b.port));
  }
});
