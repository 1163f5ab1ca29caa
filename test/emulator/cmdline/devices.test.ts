import { describe, expect, it } from 'vitest';
import {
  announceNic,
  DeviceError,
  formatMac,
  parseEth,
  parseOneLine,
  parseUbd,
  parseUnit,
  parseVec,
  rootDisk,
} from '../../../src/emulator/cmdline/index.ts';

const free = () => false;
const taken = () => true;

function refusal(action: () => unknown): [message: string, err: number] {
  try {
    action();
  } catch (error) {
    if (error instanceof DeviceError) return [error.message, error.err];
    throw error;
  }
  throw new Error('accepted');
}

describe('unit numbers', () => {
  it.each([
    ['a', 0, ''],
    ['p=x', 15, '=x'],
    ['z', 25, ''],
    ['7r=', 7, 'r='],
    ['010=', 8, '='],
    ['0x0F=', 15, '='],
    ['0xg', 0, 'xg'],
    ['08', 0, '8'],
  ])('%s', (text, unit, rest) => {
    expect(parseUnit(text)).toEqual({ unit, rest });
  });

  it.each(['', '=', 'A', '-1', ' 1'])("'%s' has none", (text) => {
    expect(parseUnit(text)).toBeUndefined();
  });
});

describe('ubd', () => {
  it('reads flags in any order', () => {
    expect(parseUbd('bdtscr=f', free)).toEqual({
      kind: 'disk',
      disk: {
        unit: 1,
        file: 'f',
        backing: undefined,
        serial: undefined,
        readOnly: true,
        sync: true,
        data: true,
        shared: true,
        noTrim: true,
      },
    });
    expect(parseUbd('brrrrrr=f', free)).toMatchObject({ disk: { readOnly: true } });
  });

  it('reads files and a serial, apart by comma or colon', () => {
    expect(parseUbd('c=cow:back,S1', free)).toMatchObject({ disk: { file: 'cow', backing: 'back', serial: 'S1' } });
    expect(parseUbd('c=file,,S1', free)).toMatchObject({ disk: { file: 'file', backing: undefined, serial: 'S1' } });
    expect(parseUbd('cd=file,,S1', free)).toMatchObject({ disk: { data: true, serial: 'S1' } });
    expect(parseUbd('c=', free)).toEqual({ kind: 'unset', unit: 2 });
    expect(parseUbd('=sync', free)).toEqual({ kind: 'sync' });
    expect(parseUbd('=98', free)).toEqual({ kind: 'fake-major' });
  });

  it.each([
    ['?=x', free, ["Couldn't parse device number", -22]],
    ['16=x', free, ['Device number out of range', 1]],
    ['a=x', taken, ['Device is already configured', -16]],
    ['aq=x', free, ["Expected '=' or flag letter (r, s, c, t or d)", -22]],
    ['a', free, ["Expected '=' or flag letter (r, s, c, t or d)", -22]],
    ['arrrrrrr=x', free, ['Too many flags specified', -22]],
    ['arrrrrrrr=x', free, ["Missing '='", -22]],
    ['ad=cow,back', free, ["Can't specify both 'd' and a cow file", -22]],
  ] as const)("answers '%s' as mconsole does", (text, configured, expected) => {
    expect(refusal(() => parseUbd(text, configured))).toEqual(expected);
  });
});

describe('one line', () => {
  it('needs its number', () => {
    expect(parseOneLine('3=port:9000', 16)).toEqual({ unit: 3, channel: 'port:9000' });
    expect(refusal(() => parseOneLine('=pts', 16))).toEqual(["Can't configure all devices from mconsole", -22]);
    expect(refusal(() => parseOneLine('16=pts', 16))).toEqual(['Device number out of range', -22]);
    expect(refusal(() => parseOneLine('3', 16))).toEqual(["Couldn't parse device number", -22]);
  });
});

describe('eth', () => {
  it('takes an address', () => {
    const { nic, notes } = parseEth('2=daemon,fe:fd:0:0:0:1f,unix,/s', free);
    expect(formatMac(nic.mac!)).toBe('fe:fd:00:00:00:1f');
    expect(notes).toEqual([]);
    expect(announceNic(nic, nic.mac!)).toEqual([
      'Netdevice 2 (fe:fd:00:00:00:1f) : ',
      'daemon backend (uml_switch version 3) - unix:/s',
    ]);
  });

  const random = 'Choosing a random ethernet address for device eth0';
  it.each([
    ['', [random]],
    ['zz:fd', ["setup_etheraddr: failed to parse 'zz:fd' as an ethernet address", random]],
    ['fe:fd:0:0:0', ["setup_etheraddr: failed to parse '' as an ethernet address", random]],
    ['ff:fd:0:0:0:1', ['Attempt to assign a multicast ethernet address to a device disallowed', random]],
    ['0:0:0:0:0:0', ['Attempt to assign an invalid ethernet address to a device disallowed', random]],
  ])("falls back to a random address for '%s'", (mac, expected) => {
    const { nic, notes } = parseEth(`0=daemon,${mac}`, free);
    expect(nic.mac).toBeUndefined();
    expect(notes).toEqual(expected);
  });

  it('warns of an address that could be somebody’s', () => {
    const { nic, notes } = parseEth('0=daemon,0:1:2:3:4:5', free);
    expect(formatMac(nic.mac!)).toBe('00:01:02:03:04:05');
    expect(notes.at(-1)).toBe('i.e. 02:01:02:03:04:05');
  });

  it('ignores surplus fields with a message', () => {
    const { nic, notes } = parseEth('0=daemon,a,b,c,d,e', free);
    expect(nic).toMatchObject({ socketType: 'b', controlSocket: 'c' });
    expect(notes[0]).toBe('daemon_setup : Ignoring data socket specification');
  });

  it('answers wrong words as mconsole does', () => {
    expect(refusal(() => parseEth('x=daemon', free))).toEqual(['Bad device number', -22]);
    expect(refusal(() => parseEth('0', free))).toEqual(["Expected '=' after device number", -22]);
    expect(refusal(() => parseEth('0=daemon', taken))).toEqual(['Device already configured', -22]);
    expect(refusal(() => parseEth('0=pcap', free))[1]).toBe(1);
    expect(refusal(() => parseVec('0:transport', free))).toEqual(['vector_config failed to parse parameters', -22]);
    expect(refusal(() => parseVec('0:transport=tap', free))[0]).toContain("No transport 'tap'");
  });
});

describe('the root device', () => {
  it.each([
    ['98:0', { unit: 0, partition: 0 }],
    ['98:17', { unit: 1, partition: 1 }],
    ['/dev/ubdb', { unit: 1, partition: 0 }],
    ['ubdc2', { unit: 2, partition: 2 }],
    ['98:256', undefined],
    ['/dev/nfs', undefined],
    ['LABEL=x', undefined],
  ])('%s', (root, expected) => {
    expect(rootDisk(root)).toEqual(expected);
  });
});
