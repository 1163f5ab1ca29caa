/** What the kernel refuses on any machine; what it does is proved in test/interop/uml_net.test.ts, in namespaces. */
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  addHostRoute,
  bringUp,
  deleteHostRoute,
  HostNetError,
  isInterfaceName,
  makeSlip,
  publish,
  setAddress,
  setMtu,
  setNetmask,
  setSwitch,
  slipName,
  unpublish,
} from '../../../src/lib/host-net/index.ts';
import { temporaryDirectory } from '../../support/run.ts';

/** A name of 15 characters, the most that there can be, and no interface's. */
const NOBODY = 'nosuchinterface';

function messageOf(action: () => void): string {
  try {
    action();
  } catch (error) {
    if (error instanceof HostNetError) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('interfaces that are not there', () => {
  test.each<[string, () => void]>([
    ['SIOCSIFADDR', () => setAddress(NOBODY, '192.0.2.1')],
    ['SIOCSIFNETMASK', () => setNetmask(NOBODY, '255.255.255.255')],
    ['SIOCSIFMTU', () => setMtu(NOBODY, 1500)],
    ['SIOCGIFFLAGS', () => bringUp(NOBODY)],
    ['SIOCADDRT', () => addHostRoute('192.0.2.1', NOBODY)],
    ['SIOCDELRT', () => deleteHostRoute('192.0.2.1', NOBODY)],
    ['SIOCGIFHWADDR', () => publish('192.0.2.1', NOBODY)],
    ['SIOCDARP', () => unpublish('192.0.2.1', NOBODY)],
  ])('%s', (request, action) => {
    expect(messageOf(action)).toBe(`${request}: No such device`);
  });

  test('a name is never cut to another one', () => {
    expect(messageOf(() => setMtu(`lo${' '.repeat(14)}`, 1500))).toBe('SIOCSIFMTU: No such device');
    expect(messageOf(() => addHostRoute('192.0.2.1', 'lo\0'))).toBe('SIOCADDRT: No such device');
  });

  test('names that can stand in a path', () => {
    expect(['tap0', 'sl15', 'abcdefghijklmno'].map(isInterfaceName)).toEqual([true, true, true]);
    expect(['', '..', 'a/b', 'tap-0', 'abcdefghijklmnop', 'tap0\n', 'täp'].map(isInterfaceName)).not.toContain(true);
  });
});

test.each(['', 'localhost', '192.0.2', '192.0.2.256', '0x7f.1', '::1', '192.0.2.1/24'])(
  "'%s' is no address",
  (word) => {
    expect(messageOf(() => setAddress('lo', word))).toBe('SIOCSIFADDR: Invalid argument');
    expect(messageOf(() => addHostRoute(word, 'lo'))).toBe('SIOCADDRT: Invalid argument');
    expect(messageOf(() => unpublish(word, 'lo'))).toBe('SIOCDARP: Invalid argument');
  },
);

test('what is no terminal can be no SLIP line', () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  const fd = openSync(file, 'r');
  expect(messageOf(() => makeSlip(fd))).toBe('TIOCSETD: Inappropriate ioctl for device');
  expect(messageOf(() => slipName(fd))).toBe('SIOCGIFNAME: Inappropriate ioctl for device');
  closeSync(fd);
});

test('a switch is written if it stands otherwise', () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'switch');
  writeFileSync(file, '1\n');
  setSwitch(file, 0);
  expect(readFileSync(file, 'utf8')).toBe('0\n');
  const { mtimeNs } = statSync(file, { bigint: true });
  setSwitch(file, 0);
  expect(statSync(file, { bigint: true }).mtimeNs).toBe(mtimeNs);
  expect(() => setSwitch(join(directory, 'missing'), 1)).toThrow(
    expect.objectContaining({ code: 'ENOENT', request: 'write', message: 'write: No such file or directory' }),
  );
});
