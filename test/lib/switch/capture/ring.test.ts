import { describe, expect, test } from 'vitest';
import { DIRECTION, PACKET, packetDirection, packetSize } from '../../../../src/lib/switch/capture/pcapng.ts';
import { RealTime } from '../../../../src/lib/switch/capture/real-time.ts';
import { FrameRing } from '../../../../src/lib/switch/capture/ring.ts';

const time = new RealTime();
time.read();

/** A frame of these many bytes, each one different from its neighbours, in words. */
function frameOf(length: number, seed: number): Uint32Array {
  const bytes = new Uint8Array(Math.ceil(length / 4) * 4 + 4);
  for (let at = 0; at < bytes.length; at++) bytes[at] = at * 7 + seed;
  return new Uint32Array(bytes.buffer);
}

interface Block {
  port: number;
  direction: number;
  bytes: Buffer;
  padding: Buffer;
}

function takeAll(ring: FrameRing, most = Number.POSITIVE_INFINITY): { blocks: Block[]; isEmpty: boolean } {
  const blocks: Block[] = [];
  const isEmpty = ring.take(most, (at, size) => {
    const { words } = ring;
    const length = words[at + PACKET.captured]!;
    if (size !== packetSize(length) || words[at + (size >> 2) - 1] !== size) throw new Error(`a torn block of ${size}`);
    const bytes = Buffer.from(
      words.buffer as ArrayBuffer,
      words.byteOffset + 4 * (at + PACKET.frame),
      (length + 3) & ~3,
    );
    blocks.push({
      port: words[at + PACKET.interface]!,
      direction: packetDirection(words, at, size),
      bytes: Buffer.from(bytes.subarray(0, length)),
      padding: Buffer.from(bytes.subarray(length)),
    });
  });
  return { blocks, isEmpty };
}

const put = (ring: FrameRing, port: number, length: number, seed: number): boolean =>
  ring.put(port, DIRECTION.in, frameOf(length, seed), 0, length, time);

describe('the ring between the threads', () => {
  test('frames of every length come out as they went in, their padding zero', () => {
    const ring = new FrameRing();
    const lengths = [14, 15, 16, 17, 60, 1514, 65_535];
    for (const [at, length] of lengths.entries()) put(ring, at, length, at);
    const { blocks, isEmpty } = takeAll(ring);
    expect(isEmpty).toBe(true);
    expect(blocks.map(({ bytes }) => bytes.length)).toEqual(lengths);
    for (const [at, { port, bytes, padding }] of blocks.entries()) {
      expect(port).toBe(at);
      expect(bytes).toEqual(Buffer.from(frameOf(bytes.length, at).buffer).subarray(0, bytes.length));
      expect(padding.every((byte) => byte === 0)).toBe(true);
    }
  });

  test('goes round many times without a loss while it is read', () => {
    const ring = new FrameRing();
    let next = 0;
    let seen = 0;
    for (let round = 0; round < 250; round++) {
      for (let n = 0; n < 50; n++, next++) put(ring, 5, 100 + (next % 1400), next & 255);
      const { blocks } = takeAll(ring);
      const found = blocks.map(({ bytes }) => [bytes.length, bytes[0]]);
      expect(found).toEqual(blocks.map((_, at) => [100 + ((seen + at) % 1400), (seen + at) & 255]));
      seen += blocks.length;
    }
    expect(seen).toBe(next);
    expect(ring.dropped(5)).toBe(0);
  });

  test('what finds no room is counted by port, and nothing that is in it is harmed', () => {
    const ring = new FrameRing();
    for (let n = 0; n < 8000; n++) put(ring, 5 + (n & 1), 1500, n & 255);
    const { blocks } = takeAll(ring);
    expect(blocks.length).toBeGreaterThan(4000);
    expect(blocks.length + ring.dropped(5) + ring.dropped(6)).toBe(8000);
    expect(blocks.findIndex(({ bytes }, at) => bytes[0] !== (at & 255))).toBe(-1);
    put(ring, 7, 60, 1);
    expect(takeAll(ring).blocks).toMatchObject([{ port: 7 }]);
  });

  test('a part of it can be taken, and the rest later', () => {
    const ring = new FrameRing();
    for (let n = 0; n < 10; n++) put(ring, n, 60, n);
    const first = takeAll(ring, 3 * packetSize(60));
    expect(first).toMatchObject({ isEmpty: false, blocks: [{ port: 0 }, { port: 1 }, { port: 2 }] });
    expect(takeAll(ring).blocks).toHaveLength(7);
  });

  test('a sleeping reader is woken once; it does not go to sleep over a frame', () => {
    const ring = new FrameRing();
    expect(put(ring, 1, 60, 0)).toBe(false);
    expect(ring.sleep()).toBe(false);
    takeAll(ring);
    expect(ring.sleep()).toBe(true);
    expect([put(ring, 1, 60, 0), put(ring, 1, 60, 0)]).toEqual([true, false]);
  });

  test('what is wanted of a port is seen by another ring on the same memory', () => {
    const ring = new FrameRing();
    const other = new FrameRing(ring.shared);
    ring.want(5, DIRECTION.out);
    expect([other.wants(5, DIRECTION.in), other.wants(5, DIRECTION.out), other.wants(6, DIRECTION.out)]).toEqual([
      false,
      true,
      false,
    ]);
  });
});

describe('real time', () => {
  test('is that of Date.now(), in nanoseconds, and never goes back', () => {
    const clock = new RealTime();
    const before = Date.now();
    clock.read();
    const first = (BigInt(clock.high) << 32n) | BigInt(clock.low);
    clock.read();
    const second = (BigInt(clock.high) << 32n) | BigInt(clock.low);
    const apart = Number(first / 1_000_000n) - before;
    expect(Math.abs(apart)).toBeLessThan(1000);
    expect(second >= first).toBe(true);
  });
});
