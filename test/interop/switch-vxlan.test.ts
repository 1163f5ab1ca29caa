/** VXLAN to the Linux kernel's own `vxlan` device, over IPv4 and IPv6, to one peer and to a group. */
import { beforeAll, expect, test } from 'vitest';
import { type Host, hostsOnBridge } from '../support/hosts.ts';

let ours: Host;
let kernels: Host[];

beforeAll(async () => {
  const [first, ...others] = await hostsOnBridge(3);
  ours = first!;
  kernels = others;
});

/** Ethernet inside VXLAN may be 50 bytes smaller than what carries it, with IPv6 70. */
const MTU = { ipv4: 1450, ipv6: 1430 } as const;

async function addKernelDevice(host: Host, number: number, words: string, mtu: number): Promise<void> {
  await host.ip(`link add vx${number} type vxlan id ${number} dstport 4789 ${words}`);
  await host.ip(`link set vx${number} up mtu ${mtu}`);
}

test.each([
  ['ipv4', 41],
  ['ipv6', 42],
] as const)('with one peer over %s, both ways, with frames of every size', async (family, vni) => {
  const kernel = kernels[0]!;
  const mtu = MTU[family];
  await addKernelDevice(kernel, vni, `remote ${ours[family]} local ${kernel[family]} dev wire`, mtu);
  await kernel.ip(`addr add 10.${vni}.0.2/24 dev vx${vni}`);
  await ours.addTap(`tap${vni}`, `10.${vni}.0.1/24`, mtu);
  await ours.addTap(`also${vni}`, `10.${vni}.0.3/32`);
  const address = family === 'ipv4' ? ours.ipv4 : `[${ours.ipv6}]`;
  const { child } = await ours.startSwitch(
    ...['-tap', `tap${vni}`, '-tap', `also${vni}`, '--vxlan', `${vni},${kernel[family]},${address}`],
  );
  expect(await ours.ping(`10.${vni}.0.2`)).toBe('3 received');
  const full = String(mtu - 28);
  expect(await ours.ping(`10.${vni}.0.2`, '-s', full, '-M', 'do')).toBe('3 received');
  expect(await kernel.ping(`10.${vni}.0.1`, '-s', full, '-M', 'do')).toBe('3 received');
  expect(child.stderr).toBe('');
  // What does not fit is lost, and said so: VXLAN must not be fragmented.
  await ours.ip(`link set tap${vni} mtu 1500`);
  expect(await ours.ping(`10.${vni}.0.2`, '-s', '1472', '-w', '1')).toBe('0 received');
  await child.waitFor('Message too long');
  await child.kill();
});

test('with a group that two kernels are in', async () => {
  for (const [index, kernel] of kernels.entries()) {
    await addKernelDevice(kernel, 43, `group 239.98.0.43 local ${kernel.ipv4} dev wire`, 1450);
    await kernel.ip(`addr add 10.43.0.${index + 2}/24 dev vx43`);
  }
  await ours.addTap('tap43', '10.43.0.1/24', 1450);
  const { child } = await ours.startSwitch('-tap', 'tap43', '--vxlan', `43,239.98.0.43,${ours.ipv4}`);
  for (const other of [2, 3]) expect(await ours.ping(`10.43.0.${other}`, '-s', '1422')).toBe('3 received');
  for (const [index, kernel] of kernels.entries()) {
    expect(await kernel.ping('10.43.0.1')).toBe('3 received');
    expect(await kernel.ping(`10.43.0.${3 - index}`)).toBe('3 received'); // past the switch
  }
  expect(child.stderr).toBe('');
  await child.kill();
});

test.each([
  ['ipv4', 44, '239.98.0.44'],
  ['ipv6', 45, 'ff02::98:45%wire'],
] as const)(
  'frames for an address in a group go to the one kernel that it is behind, over %s',
  async (family, vni, group) => {
    const [first, second] = kernels as [Host, Host];
    // No device has anything to say of its own, so that the counters are those of our frames.
    for (const host of [ours, first, second]) {
      await host.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6');
    }
    const device = `vx${vni}`;
    for (const [index, kernel] of kernels.entries()) {
      const [address] = group.split('%');
      await addKernelDevice(kernel, vni, `group ${address} local ${kernel[family]} dev wire`, MTU[family]);
      await kernel.ip(`addr add 10.${vni}.0.${index + 2}/24 dev ${device}`);
    }
    await ours.addTap(`tap${vni}`, `10.${vni}.0.1/24`, MTU[family]);
    const local = family === 'ipv4' ? `,${ours.ipv4}` : '';
    const { child } = await ours.startSwitch('-tap', `tap${vni}`, '--vxlan', `${vni},${group}${local}`);
    const received = async (host: Host): Promise<number> =>
      JSON.parse(await host.ip(`-j -s link show ${device}`))[0].stats64.rx.packets;

    await ours.ping(`10.${vni}.0.2`); // the question who has the address goes to everybody
    await second.ping(`10.${vni}.0.1`);
    const before = [await received(first), await received(second)] as const;
    expect(before[1]).toBeGreaterThan(0);
    const pings = 20;
    await ours.run('ping', '-q', '-c', String(pings), '-i', '0.02', '-s', '1000', `10.${vni}.0.2`);
    expect((await received(first)) - before[0]).toBeGreaterThanOrEqual(pings);
    expect((await received(second)) - before[1]).toBe(0);
    expect(child.stderr).toBe('');
    await child.kill();
  },
);
