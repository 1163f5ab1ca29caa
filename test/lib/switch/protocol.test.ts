import { describe, expect, test } from 'vitest';
import { dataAddress, encodeRequestV3, parseRequest } from '../../../src/lib/switch/protocol.ts';

/** What linux.uml 6.1 sent (golden/switch/51-two-umls.hex), stray bytes after the name included. */
const fromUml = Buffer.alloc(124);
fromUml.set(Buffer.from('cefaedfe03000000000000000100000000006b4200008d2e0700', 'hex'));
fromUml.set(Buffer.from('803b119e', 'hex'), 0x4c);

describe('version 3', () => {
  test('of a real UML: the address is kept to its last byte', () => {
    const request = parseRequest(fromUml);
    expect(request).toEqual({
      kind: 'port',
      version: 3,
      address: new Uint8Array(fromUml.subarray(12, 122)),
    });
  });

  test('is what our own client sends', () => {
    const address = dataAddress(4711, 999_999);
    expect(address).toHaveLength(110);
    expect(parseRequest(encodeRequestV3(address))).toMatchObject({
      kind: 'port',
      version: 3,
      address: new Uint8Array(address),
    });
  });

  test('is complete without the padding, at 122 bytes and not before', () => {
    expect(parseRequest(fromUml.subarray(0, 121))).toEqual({ kind: 'incomplete' });
    expect(parseRequest(fromUml.subarray(0, 122))).toMatchObject({ kind: 'port', version: 3 });
  });

  test('of another type is refused as soon as the type is known', () => {
    const dump = Buffer.from(fromUml);
    dump.writeUInt32LE(7, 8);
    expect(parseRequest(dump.subarray(0, 12))).toEqual({ kind: 'type', type: 7 });
  });
});

describe('a client of vde_switch', () => {
  const withText = (text: string | Buffer) => Buffer.concat([fromUml.subarray(0, 122), Buffer.from(text)]);

  test('gives a description where others have padding', () => {
    expect(parseRequest(withText('vdeplug: user=root pid=7707'))).toMatchObject({
      kind: 'port',
      version: 3,
      address: new Uint8Array(fromUml.subarray(12, 122)),
      description: 'vdeplug: user=root pid=7707',
    });
    expect(parseRequest(withText('ab'))).toMatchObject({ description: 'ab' });
    expect(parseRequest(withText('x'.repeat(128)))).toMatchObject({ description: 'x'.repeat(128) });
  });

  test('gives one line of text, whatever it sends', () => {
    expect(parseRequest(withText('a\n\x1b[31mb\0c'))).toMatchObject({ description: 'a [31mb' });
    expect(parseRequest(withText('\n'))).toMatchObject({ description: undefined });
    expect(parseRequest(withText('x'.repeat(129)))).toMatchObject({ description: undefined });
  });
});

test('version 1: the type stands where the version does later, a MAC before the address', () => {
  const request = Buffer.alloc(124, 0x11);
  request.writeUInt32LE(0xfeedface, 0);
  request.writeUInt32LE(0, 4);
  request.fill(0x22, 14);
  expect(parseRequest(request.subarray(0, 123))).toEqual({ kind: 'incomplete' });
  expect(parseRequest(request)).toEqual({
    kind: 'port',
    version: 1,
    address: new Uint8Array(110).fill(0x22),
  });
  request.writeUInt32LE(1, 4);
  expect(parseRequest(request)).toEqual({ kind: 'type', type: 1 });
});

test('version 0: no magic, 120 bytes', () => {
  const request = Buffer.alloc(120, 0x33);
  request.writeUInt32LE(0, 0);
  expect(parseRequest(request.subarray(0, 119))).toEqual({ kind: 'incomplete' });
  expect(parseRequest(request)).toEqual({
    kind: 'port',
    version: 0,
    address: new Uint8Array(110).fill(0x33),
  });
  expect(parseRequest(Buffer.from('7856341203000000', 'hex'))).toEqual({ kind: 'type', type: 0x12345678 });
});

test.each([2, 4, 0xffffffff])('version %d is not spoken', (version) => {
  const request = Buffer.from(fromUml);
  request.writeUInt32LE(version, 4);
  expect(parseRequest(request.subarray(0, 8))).toEqual({ kind: 'version', version });
});

test.each([0, 1, 2, 3, 4, 7, 8, 11])('%d bytes of a good request say nothing yet', (length) => {
  expect(parseRequest(fromUml.subarray(0, length))).toEqual({ kind: 'incomplete' });
});
