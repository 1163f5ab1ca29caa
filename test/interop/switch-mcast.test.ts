/** Three of our switches on different hosts, joined by a multicast group; switch-kernels.test.ts has UML's transport in it. */
import { beforeAll, expect, test } from 'vitest';
import { type Host, hostsOnBridge } from '../support/hosts.ts';

let hosts: Host[];

beforeAll(async () => {
  hosts = await hostsOnBridge(3);
});

test.each([
  ['239.192.71.1:1102', 71],
  ['[ff15::72]:1102', 72],
])('taps of three hosts ping each other by way of %s, with frames that fill an Ethernet', async (group, net) => {
  const switches = await Promise.all(
    hosts.map(async (host, index) => {
      await host.addTap(`tap${net}`, `10.${net}.0.${index + 1}/24`);
      return host.startSwitch('-tap', `tap${net}`, '--mcast', `${group},if=wire`);
    }),
  );
  for (const [index, host] of hosts.entries()) {
    const next = ((index + 1) % hosts.length) + 1;
    expect(await host.ping(`10.${net}.0.${next}`)).toBe('3 received');
    expect(await host.ping(`10.${net}.0.${next}`, '-s', '1472', '-M', 'do')).toBe('3 received');
  }
  for (const { child } of switches) {
    expect(child.stderr).toBe('');
    expect(child.stdout).not.toContain('old port'); // nobody's frames came back to him
    await child.kill();
  }
});
