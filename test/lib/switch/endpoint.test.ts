import { expect, test } from 'vitest';
import { attachmentName, formatEndpoint, parseEndpoint } from '../../../src/lib/switch/endpoint.ts';

test.each([
  ['10.0.0.1:5000', undefined, '10.0.0.1', 5000],
  ['10.0.0.1', 4789, '10.0.0.1', 4789],
  ['10.0.0.1:1', 4789, '10.0.0.1', 1],
  ['[::1]:65535', undefined, '::1', 65_535],
  ['[fe80::1%eth0]:5000', undefined, 'fe80::1%eth0', 5000],
  ['[::1]', 4789, '::1', 4789],
  ['fe80::1', 4789, 'fe80::1', 4789],
  ['fe80::1:5000', 4789, 'fe80::1:5000', 4789], // no port without brackets
])('%s with default port %s', (word, defaultPort, address, port) => {
  expect(parseEndpoint(word, defaultPort)).toEqual({ address, port });
});

test.each([
  '',
  ':5000',
  '10.0.0.1',
  '10.0.0.1:',
  '10.0.0.1:0',
  '10.0.0.1:65536',
  '10.0.0.1:+1',
  '10.0.0.1:5000 ',
  '10.0.0.256:5000',
  'localhost:5000',
  '[10.0.0.1]:5000',
  '[::1',
  '::1',
  '[::1]5000',
  '[]:5000',
  '1.2.3.4:5:6',
])('%j is none', (word) => {
  expect(parseEndpoint(word)).toBeUndefined();
});

test('what is parsed is formatted', () => {
  for (const word of ['10.0.0.1:5000', '[fe80::1%eth0]:5000']) {
    expect(formatEndpoint(parseEndpoint(word)!)).toBe(word);
  }
});

test('attachments have names', () => {
  const remote = { address: 'fd00::1', port: 4789 };
  expect(attachmentName({ kind: 'tap', device: 'tap0' })).toBe('tap0');
  expect(attachmentName({ kind: 'bess', path: '/run/nat' })).toBe('/run/nat');
  expect(attachmentName({ kind: 'fd', fd: 5 })).toBe('fd 5');
  expect(attachmentName({ kind: 'udp', local: remote, remote })).toBe('udp [fd00::1]:4789');
  expect(attachmentName({ kind: 'mcast', group: { address: '239.1.1.1', port: 1102 }, ttl: 1 })).toBe(
    'mcast 239.1.1.1:1102',
  );
  expect(attachmentName({ kind: 'vxlan', vni: 7, local: remote, remote })).toBe('vxlan 7 [fd00::1]:4789');
});
