/** Two of our switches on different hosts, joined by a UDP trunk. */
import { beforeAll, expect, test } from 'vitest';
import { type Host, hostsOnBridge } from '../support/hosts.ts';

let here: Host;
let there: Host;

beforeAll(async () => {
  const [first, second] = await hostsOnBridge(2);
  here = first!;
  there = second!;
});

test.each([
  ['ipv4', 51],
  ['ipv6', 52],
] as const)('taps of two hosts ping each other over %s, with frames that fill an Ethernet', async (family, net) => {
  const end = (host: Host) => (family === 'ipv4' ? `${host.ipv4}:50${net}` : `[${host.ipv6}]:50${net}`);
  await here.addTap(`tap${net}`, `10.${net}.0.1/24`);
  await there.addTap(`tap${net}`, `10.${net}.0.2/24`);
  await there.addTap(`also${net}`, `10.${net}.1.2/24`);
  const one = await here.startSwitch('-tap', `tap${net}`, '--udp', `${end(here)},${end(there)}`);
  expect(await here.ping(`10.${net}.0.2`, '-w', '1')).toBe('0 received'); // nobody listens there yet
  const two = await there.startSwitch(
    ...['-tap', `tap${net}`, '-tap', `also${net}`, '--udp', `${end(there)},${end(here)}`],
  );
  await here.ip(`neigh flush dev tap${net}`); // it still waits for an answer to what it asked before
  expect(await here.ping(`10.${net}.0.2`)).toBe('3 received');
  expect(await there.ping(`10.${net}.0.1`, '-s', '1472', '-M', 'do')).toBe('3 received');
  expect(one.child.stderr).toBe('');
  expect(two.child.stderr).toBe('');
  expect(two.child.stdout).toMatch(/ Addr: [0-9a-f:]{17} New port 7\n/);
});
