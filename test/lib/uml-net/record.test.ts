import { expect, test } from 'vitest';
import { encodeRecord, encodeTapMessage } from '../../../src/lib/uml-net/index.ts';

test('a record counts its NUL; no text, no NUL', () => {
  const { length, bytes } = encodeRecord('uml_net : too few arguments to tuntap_v4\n');
  expect(length.toString('latin1')).toBe('*\0\0\0'); // golden/tools/10-net-tuntap-few
  expect(bytes.toString('latin1')).toBe('uml_net : too few arguments to tuntap_v4\n\0');
  expect(encodeRecord('')).toEqual({ length: Buffer.alloc(4), bytes: Buffer.alloc(0) });
});

test('a text is counted in bytes', () => {
  const { length, bytes } = encodeRecord('é');
  expect([length.readInt32LE(), bytes.length]).toEqual([3, 3]);
});

test('a tap’s name has 16 bytes, the last of them NUL', () => {
  expect(encodeTapMessage('tap0', 'x').toString('latin1')).toBe(`tap0${'\0'.repeat(12)}x\0`);
  expect(encodeTapMessage('a'.repeat(20), '').toString('latin1')).toBe(`${'a'.repeat(15)}\0`);
  expect(encodeTapMessage(undefined, 'why').toString('latin1')).toBe('why\0');
});
