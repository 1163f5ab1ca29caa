import { beforeEach, expect, test } from 'vitest';
import { Arena, inetAddress } from '../../../../src/lib/os/index.ts';
import { type VtepGroup, Vteps } from '../../../../src/lib/switch/links/vteps.ts';
import { broadcast, frame, mac } from '../wire.ts';

let memory: Arena;
let vteps: Vteps;
let [name, bytes, room] = [0, 0, 0];

beforeEach(() => {
  memory = new Arena(64 * 1024);
  vteps = new Vteps(memory);
  [name, bytes, room] = [memory.take(112), memory.take(64), memory.take(1024)];
  vteps.catchUp();
});

function groupOf(port: number, address: string): VtepGroup {
  const raw = inetAddress(address, 4789);
  const at = room + 32 * (port - 1);
  memory.u8.set(raw, at);
  return { port, address: at, addressLength: raw.length };
}

function learn(group: VtepGroup, source: Buffer, from: string): void {
  memory.u8.fill(0xee, name, name + 112); // of another datagram
  memory.u8.set(inetAddress(from, 50_000), name); // any port
  memory.u8.set(frame(broadcast, source), bytes);
  vteps.learn(group, bytes, name);
}

/** The raw address that a frame goes to. */
function destination(group: VtepGroup, to: Buffer): Buffer {
  memory.u8.set(frame(to, mac(99)), bytes);
  const at = vteps.destination(group, bytes);
  return Buffer.from(memory.u8.subarray(at, at + group.addressLength));
}

const raw = (address: string) => Buffer.from(inetAddress(address, 4789));

test.each([
  ['239.0.0.1', '10.0.0.2', '10.0.0.3'],
  ['ff02::1', 'fd00::1', 'fd00::2'],
])('in group %s an address is behind who sent for it last, at the port of the group', (address, one, two) => {
  const group = groupOf(1, address);
  expect(destination(group, mac(1))).toEqual(raw(address));
  learn(group, mac(1), one);
  learn(group, mac(2), two);
  expect(destination(group, mac(1))).toEqual(raw(one));
  expect(destination(group, mac(2))).toEqual(raw(two));
  expect(destination(group, mac(3))).toEqual(raw(address));
  expect(destination(group, broadcast)).toEqual(raw(address));
  learn(group, mac(1), two);
  expect(destination(group, mac(1))).toEqual(raw(two));
  vteps.forgetAll();
  expect(destination(group, mac(1))).toEqual(raw(address));
});

test('groups know nothing of each other, and a port that is gone leaves nothing behind', () => {
  const [one, two] = [groupOf(1, '239.0.0.1'), groupOf(2, '239.0.0.2')];
  learn(one, mac(1), '10.0.0.2');
  learn(two, mac(2), '10.0.0.2');
  expect(destination(two, mac(1))).toEqual(raw('239.0.0.2'));
  vteps.forgetPort(1);
  expect(destination(one, mac(1))).toEqual(raw('239.0.0.1'));
  expect(destination(two, mac(2))).toEqual(raw('10.0.0.2'));
});

test('a group address is behind nobody', () => {
  const group = groupOf(1, '239.0.0.1');
  learn(group, broadcast, '10.0.0.2');
  expect(destination(group, broadcast)).toEqual(raw('239.0.0.1'));
});

test('of more endpoints than there is room for the oldest are forgotten', () => {
  const group = groupOf(1, '239.0.0.1');
  for (let n = 0; n < 300; n++) learn(group, Buffer.from([2, 0, 0, 0, n >> 8, n & 255]), `10.0.${n >> 8}.${n & 255}`);
  const known = Array.from({ length: 300 }, (_, n) => destination(group, Buffer.from([2, 0, 0, 0, n >> 8, n & 255])));
  expect(known.filter((each) => each.equals(raw('239.0.0.1')))).toHaveLength(44);
  for (let n = 44; n < 300; n++) expect(known[n]).toEqual(raw(`10.0.${n >> 8}.${n & 255}`));
});
