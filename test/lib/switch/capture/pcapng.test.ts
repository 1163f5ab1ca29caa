import { describe, expect, test } from 'vitest';
import {
  DIRECTION,
  interfaceDescription,
  interfaceStatistics,
  packetSize,
  putPacket,
  sectionHeader,
} from '../../../../src/lib/switch/capture/pcapng.ts';

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{8})(?!$)/g, '$1 ');

describe('pcapng, on a little-endian machine', () => {
  test('section header', () => {
    expect(hex(sectionHeader('uml'))).toBe(
      '0a0d0d0a 28000000 4d3c2b1a 01000000 ffffffff ffffffff 04000300 756d6c00 00000000 28000000',
    );
  });

  test('interface description: Ethernet, name, description, nanoseconds', () => {
    expect(hex(interfaceDescription({ name: 'port 5', description: 'tap' }))).toBe(
      [
        '01000000 34000000 01000000 ffff0000 02000600 706f7274 20350000',
        '03000300 74617000 09000100 09000000 00000000 34000000',
      ].join(' '),
    );
  });

  test('interface statistics: received and dropped of 64 bits', () => {
    const block = interfaceStatistics(3, { high: 1, low: 2 }, { received: 2 ** 32 + 5, dropped: 6 });
    expect(hex(block)).toBe(
      [
        '05000000 34000000 03000000 01000000 02000000',
        '04000800 05000000 01000000 05000800 06000000 00000000 00000000 34000000',
      ].join(' '),
    );
  });

  test('enhanced packet: header before the frame, direction behind it', () => {
    const words = new Uint32Array(packetSize(15) / 4);
    putPacket(words, 0, 9, 15, DIRECTION.out);
    expect(hex(new Uint8Array(words.buffer))).toBe(
      [
        '06000000 3c000000 09000000 00000000 00000000 0f000000 0f000000',
        '00000000 00000000 00000000 00000000 02000400 02000000 00000000 3c000000',
      ].join(' '),
    );
  });
});
