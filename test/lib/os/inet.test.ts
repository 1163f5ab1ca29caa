import { describe, expect, test } from 'vitest';
import { anyAddress, inetAddress, interfaceIndex, isMulticast, OsError, scopeOf } from '../../../src/lib/os/index.ts';

const hex = (address: string, port = 4789) => Buffer.from(inetAddress(address, port)).toString('hex');

describe('socket addresses', () => {
  test.each([
    ['10.1.2.3', '0200 12b5 0a010203 0000000000000000'],
    ['::1', '0a00 12b5 00000000 00000000000000000000000000000001 00000000'],
    ['::', '0a00 12b5 00000000 00000000000000000000000000000000 00000000'],
    ['2001:db8::', '0a00 12b5 00000000 20010db8000000000000000000000000 00000000'],
    ['1:2:3:4:5:6:7:8', '0a00 12b5 00000000 00010002000300040005000600070008 00000000'],
    ['::ffff:192.0.2.255', '0a00 12b5 00000000 00000000000000000000ffffc00002ff 00000000'],
    ['fe80::a:0:1%lo', '0a00 12b5 00000000 fe80000000000000000000 0a00000001 01000000'],
  ])('%s', (address, bytes) => {
    expect(hex(address)).toBe(bytes.replaceAll(' ', ''));
  });

  test('what is no address, and an interface that is not there', () => {
    expect(() => inetAddress('localhost', 1)).toThrow(OsError);
    expect(() => inetAddress('fe80::1%nosuch0', 1)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
    expect(() => interfaceIndex('nosuch0')).toThrow(expect.objectContaining({ code: 'ENODEV', path: 'nosuch0' }));
  });

  test('groups', () => {
    const groups = ['224.0.0.1', '239.255.0.1', 'ff02::1', 'ff15::77'];
    const hosts = ['223.255.255.255', '240.0.0.1', 'fe80::1', '::ffff:239.0.0.1'];
    expect(groups.filter((each) => isMulticast(inetAddress(each, 1)))).toEqual(groups);
    expect(hosts.filter((each) => isMulticast(inetAddress(each, 1)))).toEqual([]);
  });

  test('the interface that an address names, and any address of its family', () => {
    expect(scopeOf(inetAddress('fe80::1%lo', 1))).toBe(interfaceIndex('lo'));
    expect(scopeOf(inetAddress('fe80::1', 1))).toBe(0);
    expect(scopeOf(inetAddress('10.0.0.1', 1))).toBe(0);
    expect(anyAddress(inetAddress('10.0.0.1', 77))).toEqual(inetAddress('0.0.0.0', 77));
    expect(anyAddress(inetAddress('fe80::1%lo', 77))).toEqual(inetAddress('::', 77));
  });
});
