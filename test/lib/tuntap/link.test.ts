import { expect, test } from 'vitest';
import { getLinkRequest, parseLink, setCarrierRequest } from '../../../src/lib/tuntap/link.ts';

/** Parts of what Linux 6.18 said of a device that tunctl --multi-queue made: ifinfomsg, name, carrier, kind and data. */
const HEAD = '00000100020000000210000000000000';
const NAME = '080003006d713000';
const CARRIER = '0500210001000000';
const DATA = [
  '4c000200',
  ...['0500030002000000', '08000100e8030000', '08000200fbffffff', '0500040000000000', '0500050001000000'],
  ...['0500060001000000', '0500070001000000', '0800080002000000', '0800090001000000'],
].join('');
const INFO = `58001280${'0800010074756e00'}${DATA}`;

const message = (hex: string, type = 16) => ({ type, body: Buffer.from(hex, 'hex') });

const mq0 = {
  name: 'mq0',
  index: 2,
  mode: 'tap',
  owner: 1000,
  group: 4294967291,
  persistent: true,
  multiQueue: true,
  queues: 3,
  vnetHeader: true,
  packetInfo: false,
  carrier: true,
};

test('a device is read from the bytes of the kernel', () => {
  expect(parseLink(message(HEAD + NAME + CARRIER + INFO))).toEqual(mq0);
});

test('what the kernel left out was not set', () => {
  const data =
    '2c000200' + '0500030001000000' + '0500040001000000' + '0500050000000000' + '0500060000000000' + '0500070000000000';
  const info = `38001200${'0800010074756e00'}${data}`;
  expect(parseLink(message(HEAD + NAME + info))).toEqual({
    ...{ name: 'mq0', index: 2, mode: 'tun', owner: undefined, group: undefined, persistent: false },
    ...{ multiQueue: false, queues: undefined, vnetHeader: false, packetInfo: true, carrier: false },
  });
});

test('other devices and other messages are none', () => {
  const dummy = '0e0012000a0001007665746800000000';
  for (const each of [
    message(HEAD + NAME + CARRIER),
    message(HEAD + NAME + dummy),
    message(HEAD + NAME + INFO, 17),
    message(''),
  ]) {
    expect(parseLink(each)).toBeUndefined();
  }
});

test('bytes that end too early, or lengths that lie, are not read past', () => {
  const whole = HEAD + NAME + CARRIER + INFO;
  for (let length = 0; length <= whole.length; length += 2) {
    const link = parseLink(message(whole.slice(0, length)));
    expect(link === undefined || link.name === 'mq0').toBe(true);
  }
  const bytes = Buffer.from(whole, 'hex');
  for (let at = HEAD.length / 2; at < bytes.length; at++) {
    for (const value of [0, 1, 3, 0xff]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = value;
      expect(() => parseLink({ type: 16, body: damaged })).not.toThrow();
    }
  }
});

test("requests are the kernel's structures", () => {
  const empty = '00'.repeat(16);
  expect(getLinkRequest()).toEqual(message(empty, 18));
  expect(getLinkRequest('mq0')).toEqual(message(empty + NAME, 18));
  expect(setCarrierRequest('mq0', 'off')).toEqual(message(`${empty}${NAME}0500210000000000`, 16));
  expect(setCarrierRequest('tap10', 'on')).toEqual(message(`${empty}0a00030074617031300000000500210001000000`, 16));
});
