import { expect, test } from 'vitest';
import { encodeVxlanHeader, isVxlanOf } from '../../../../src/lib/switch/links/vxlan.ts';

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

test('the header of RFC 7348', () => {
  expect(Buffer.from(encodeVxlanHeader(0x123456))).toEqual(bytes('08000000 123456 00'));
  expect(Buffer.from(encodeVxlanHeader(0xffffff))).toEqual(bytes('08000000 ffffff 00'));
});

test.each([
  ['08000000 00002a 00', true],
  ['ffffffff 00002a ff', true], // what is reserved is ignored
  ['00000000 00002a 00', false], // the number does not count
  ['f7ffffff 00002a ff', false],
  ['08000000 00002b 00', false],
  ['08000000 01002a 00', false],
])('%s is of network 42: %s', (header, isOurs) => {
  expect(isVxlanOf(42, bytes(`aaaa${header}`), 2)).toBe(isOurs);
});

test('every number is found again', () => {
  for (const vni of [0, 1, 255, 256, 65_535, 65_536, 0x800000, 0xffffff]) {
    const header = encodeVxlanHeader(vni);
    expect(isVxlanOf(vni, header, 0)).toBe(true);
    expect(isVxlanOf(vni ^ 0x10000, header, 0)).toBe(false);
  }
});
