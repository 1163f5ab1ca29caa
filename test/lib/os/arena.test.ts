import { constants } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  Arena,
  bind,
  closeFd,
  IOVEC,
  MMSGHDR,
  POLLFD,
  POLLIN,
  pollBatch,
  rawAddress,
  receiveBatch,
  sendBatch,
  setSendBuffer,
  unixSocket,
} from '../../../src/lib/os/index.ts';

let from: number;
let to: number;
const address = rawAddress(Buffer.from(`\0arena-${process.pid}`));

beforeEach(() => {
  from = unixSocket('dgram');
  to = unixSocket('dgram');
  bind(to, address);
});

afterEach(() => {
  closeFd(from);
  closeFd(to);
});

/** Lays `count` headers over 100 bytes each that hold their own number; with a name, to be sent there. */
function batch(arena: Arena, count: number, name?: Uint8Array): number {
  const headers = arena.take(count * MMSGHDR.size);
  const iovs = arena.take(count * IOVEC.size);
  const named = arena.take(128);
  if (name) arena.u8.set(name, named);
  for (let n = 0; n < count; n++) {
    const data = arena.take(100);
    arena.u8.fill(n + 1, data, data + 100);
    const header = headers + n * MMSGHDR.size;
    arena.setPointer(header + MMSGHDR.name, named);
    arena.u32[(header + MMSGHDR.nameLength) >> 2] = name?.length ?? 128;
    arena.setPointer(header + MMSGHDR.iov, iovs + n * IOVEC.size);
    arena.u32[(header + MMSGHDR.iovLength) >> 2] = 1;
    arena.setPointer(iovs + n * IOVEC.size, data);
    arena.u32[(iovs + n * IOVEC.size + IOVEC.length) >> 2] = 100;
  }
  return headers;
}

test('a batch of datagrams goes and comes in one call each, to where the headers point', () => {
  const arena = new Arena(16_384);
  expect(sendBatch(from, arena.address(batch(arena, 5, address)), 5)).toBe(5);
  const headers = batch(arena, 8);
  expect(receiveBatch(to, arena.address(headers), 8, 'poll')).toBe(5);
  expect(arena.u32[(headers + 4 * MMSGHDR.size + MMSGHDR.length) >> 2]).toBe(100);
  const iov = arena.u32[(headers + 4 * MMSGHDR.size + MMSGHDR.iov) >> 2]!;
  const data = arena.u32[(iov - arena.low(0)) >> 2]! - arena.low(0);
  expect(arena.u8.subarray(data, data + 100)).toEqual(new Uint8Array(100).fill(5));
});

test('failures are negative errno: nothing there, a full queue, nobody there', () => {
  const arena = new Arena(16_384);
  const { EAGAIN, ECONNREFUSED } = constants.errno;
  expect(receiveBatch(to, arena.address(batch(arena, 1)), 1, 'poll')).toBe(-EAGAIN);
  const headers = arena.address(batch(arena, 1, address));
  let sent = 0;
  let result = 1;
  for (; result === 1; sent++) result = sendBatch(from, headers, 1);
  expect(result).toBe(-EAGAIN);
  expect(sent).toBeGreaterThan(1);
  const nobody = rawAddress(Buffer.from(`\0nobody-${process.pid}`));
  expect(sendBatch(from, arena.address(batch(arena, 1, nobody)), 1)).toBe(-ECONNREFUSED);
});

test('poll tells which descriptors have something, and gives up after its time', () => {
  const arena = new Arena(16_384);
  const poll = arena.take(POLLFD.size);
  arena.u32[poll >> 2] = to;
  arena.u16[(poll + POLLFD.events) >> 1] = POLLIN;
  expect(pollBatch(arena.address(poll), 1, 0)).toBe(0);
  sendBatch(from, arena.address(batch(arena, 1, address)), 1);
  expect(pollBatch(arena.address(poll), 1, -1)).toBe(1);
});

test('pieces of an arena do not overlap, start at cache lines, and end', () => {
  const arena = new Arena(256);
  expect([arena.take(1), arena.take(65), arena.take(64)]).toEqual([0, 64, 192]);
  expect(arena.address(64) - arena.address(0)).toBe(64);
  expect(() => arena.take(1)).toThrow(RangeError);
});

test('any socket may ask for a larger send buffer; what it gets is the kernel’s affair', () => {
  expect(() => setSendBuffer(from, 1 << 20)).not.toThrow();
});
