import { describe, expect, test } from 'vitest';
import { type Call, parseCall, UmlNetError, type UmlNetErrorDetail } from '../../../src/lib/uml-net/index.ts';

const parse = (words: string): Call => parseCall(words === '' ? [] : words.split(' '));

function refusal(words: string): UmlNetErrorDetail {
  try {
    parse(words);
  } catch (error) {
    if (error instanceof UmlNetError) return error.detail;
    throw error;
  }
  throw new Error(`'${words}' was understood`);
}

describe('what the versions call', () => {
  test.each<[string, Call]>([
    ['4 tuntap up 192.0.2.1', { kind: 'tap-up', version: 4, gate: '192.0.2.1', socket: 1 }],
    ['4 tuntap up ', { kind: 'tap-up', version: 4, gate: '', socket: 1 }],
    ['3 tuntap up tap0 192.0.2.1', { kind: 'tap-up', version: 3, gate: '192.0.2.1', socket: 1 }],
    ['2 tuntap up tap0 7 192.0.2.1', { kind: 'tap-up', version: 2, gate: '192.0.2.1', socket: 7 }],
  ])('%s', (words, call) => {
    expect(parse(words)).toEqual(call);
  });

  test.each([
    ['4 add tap0 192.0.2.2 255.255.255.0', 'add', '255.255.255.0', 4],
    ['4 del tap0 192.0.2.2 255.255.255.0', 'del', '255.255.255.0', 4],
    ['4 tuntap add tap0 192.0.2.2 255.255.255.0', 'add', '255.255.255.0', 4],
    ['3 tuntap del tap0 192.0.2.2', 'del', undefined, 3],
    ['2 tuntap add tap0 192.0.2.2', 'add', undefined, 2],
  ] as const)('%s', (words, operation, netmask, version) => {
    expect(parse(words)).toEqual({
      kind: 'address',
      version,
      operation,
      device: 'tap0',
      address: '192.0.2.2',
      netmask,
    });
  });

  test.each<[string, Call]>([
    ['4 slip up 192.0.2.1', { kind: 'slip-up', version: 4, line: 0, gate: '192.0.2.1', peer: undefined }],
    ['4 slip down sl0', { kind: 'slip-down', version: 4, line: 0, peer: undefined }],
    ['3 slip up 5 192.0.2.1 192.0.2.2', { kind: 'slip-up', version: 3, line: 5, gate: '192.0.2.1', peer: '192.0.2.2' }],
    ['slip up 5 192.0.2.1 192.0.2.2', { kind: 'slip-up', version: 0, line: 5, gate: '192.0.2.1', peer: '192.0.2.2' }],
    ['2 slip down 5 192.0.2.2', { kind: 'slip-down', version: 2, line: 5, peer: '192.0.2.2' }],
    ['1 slip down 5', { kind: 'slip-down', version: 1, line: 5, peer: undefined }],
  ])('%s', (words, call) => {
    expect(parse(words)).toEqual(call);
  });
});

describe('the version is read as strtoul does', () => {
  test.each(['0x4', '04', '4x', ' 4', '+4', '4294967300'])('%s is 4', (word) => {
    expect(parseCall([word, 'tuntap', 'up', '']).version).toBe(4);
  });

  test.each([
    ['5', 5],
    ['99', 99],
    ['-1', -1],
    ['99999999999999999999', -1],
    ['2147483648', -2147483648],
  ])('%s is refused', (word, requested) => {
    expect(refusal(`${word} tuntap up`)).toEqual({ code: 'VERSION', requested });
  });

  test('a word without digits is a transport of version 0', () => {
    expect(refusal('x4 tuntap')).toEqual({ code: 'TRANSPORT', word: 'x4' });
    expect(refusal('08 tuntap')).toEqual({ code: 'NO_HANDLER', word: 'tuntap', version: 0 });
  });
});

describe('what is no call', () => {
  test.each(['', '4', '1', 'tuntap'])("'%s' is too little", (words) => {
    expect(refusal(words)).toEqual({ code: 'USAGE' });
  });

  test.each([
    ['tuntap up', 'tuntap', 0],
    ['1 tuntap up', 'tuntap', 1],
    ['3 add tap0 192.0.2.2', 'add', 3],
    ['del tap0', 'del', 0],
  ] as const)('%s: versions that did not have it', (words, word, version) => {
    expect(refusal(words)).toEqual({ code: 'NO_HANDLER', word, version });
  });

  test('operations', () => {
    expect(refusal('4 tuntap frob')).toEqual({ code: 'OPERATION', transport: 'tuntap', word: 'frob' });
    expect(refusal('4 slip frob 1')).toEqual({ code: 'OPERATION', transport: 'slip', word: 'frob' });
    expect(refusal('slip frob')).toEqual({ code: 'OPERATION', transport: 'slip', word: 'frob' });
  });

  test.each([
    ['4 tuntap', 'uml_net : too few arguments to tuntap_v4'],
    ['4 tuntap add', 'uml_net : too few arguments to tuntap change_addr'],
    ['4 tuntap add tap0 192.0.2.2', 'uml_net : too few arguments to tuntap change_addr'],
    ['3 tuntap add tap0', 'uml_net : too few arguments to tuntap change_addr'],
    ['4 add', 'uml_net : too few arguments to tuntap change_addr'],
    ['4 slip', 'uml_net : too few arguments to slip_v4'],
    ['4 slip up', 'uml_net : too few arguments to slip_v4'],
    ['4 slip down', 'uml_net : too few arguments to slip_v4'],
    ['3 slip', 'uml_net : too few arguments to slip_v3'],
    ['3 slip up 5', 'uml_net : too few arguments to slip_v3'],
    ['3 slip up x 192.0.2.1', "uml_net : 'x' is no descriptor"],
    ['2 slip down -1', "uml_net : '-1' is no descriptor"],
    ['2 tuntap up tap0', "uml_net : '' is no descriptor"],
  ])('%s: missing words', (words, text) => {
    expect(refusal(words)).toMatchObject({ code: 'ARGUMENTS', text });
  });

  test('a tap without an address is answered where the kernel waits', () => {
    expect(refusal('4 tuntap up')).toMatchObject({ text: 'Too few arguments to tuntap_up', socket: 1 });
    expect(refusal('2 tuntap up tap0 7')).toMatchObject({ text: 'Too few arguments to tuntap_up', socket: 7 });
  });

  test('ethertap, with the descriptor that waits for a byte', () => {
    expect(refusal('4 ethertap')).toEqual({ code: 'ETHERTAP', version: 4, control: 1, reason: 'arguments' });
    expect(refusal('4 ethertap tap0 5 192.0.2.1')).toEqual({
      code: 'ETHERTAP',
      version: 4,
      control: 1,
      reason: 'gone',
    });
    expect(refusal('2 ethertap tap0 5 6')).toEqual({ code: 'ETHERTAP', version: 2, control: 6, reason: 'gone' });
    expect(refusal('1 ethertap tap0 5')).toEqual({ code: 'ETHERTAP', version: 1, control: undefined, reason: 'gone' });
    expect(refusal('ethertap tap0 5')).toEqual({ code: 'ETHERTAP', version: 0, control: undefined, reason: 'gone' });
  });
});
