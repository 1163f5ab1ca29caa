import { expect, test } from 'vitest';
import { parseRoutes } from '../../../src/lib/host-net/index.ts';

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
const row = (device: string, destination: string): string =>
  `${device}\t${destination}\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0`.padEnd(127);

test('rows of /proc/net/route: addresses are numbers of a little-endian host', () => {
  const text = `${HEAD.padEnd(127)}\n${row('eth0', '00000000')}\n${row('br-lan.2', '000200C0')}\n`;
  expect(parseRoutes(text)).toEqual([
    { device: 'eth0', destination: 0 },
    { device: 'br-lan.2', destination: 0xc0000200 },
  ]);
});

test('no routes, and what is no row', () => {
  expect(parseRoutes('')).toEqual([]);
  expect(parseRoutes(`${HEAD}\n`)).toEqual([]);
  expect(parseRoutes('eth0\t000200C\t\neth0 000200C0\n\t000200C0\t\neth0\t000200C0\t')).toEqual([
    { device: 'eth0', destination: 0xc0000200 },
  ]);
});
