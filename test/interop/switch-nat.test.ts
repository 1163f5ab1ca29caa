/** NAT helpers that listen, and that the switch connects to: Debian's slirp4netns (BESS) and passt (a stream). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Host, hostsOnBridge } from '../support/hosts.ts';
import { type Child, temporaryDirectory } from '../support/run.ts';

/** The host that the switch is on, and the one that the helper leads to, with a server on its loopback interface. */
async function insideAndOutside(): Promise<[inside: Host, outside: Host]> {
  const [inside, outside] = await hostsOnBridge(2);
  if (!inside || !outside) throw new Error('no hosts');
  const server = outside.spawn(process.execPath, '-e', SERVE);
  await server.waitFor('serving');
  return [inside, outside];
}

async function startHelper(host: Host, socket: string, ...command: string[]): Promise<Child> {
  const helper = host.spawn(...command);
  while (!existsSync(socket) && helper.running) await new Promise((resolve) => setTimeout(resolve, 20));
  return helper;
}

const SERVE = `
const server = require('node:http').createServer((_, answer) => answer.end(Buffer.alloc(1000000)));
server.listen(8098, '127.0.0.1', () => console.log('serving'));`;

/** The helper's own address leads to the loopback interface of its host. */
const FETCH = `
fetch('http://10.0.2.2:8098/').then((answer) => answer.arrayBuffer()).then((body) => console.log(body.byteLength));`;

test('slirp4netns: a host on the switch reaches it, and through it a server on its side', async () => {
  const [inside, outside] = await insideAndOutside();
  const socket = join(temporaryDirectory(), 'nat');
  const helper = await startHelper(outside, socket, 'slirp4netns', '--target-type=bess', socket);
  await inside.addTap('nat', '10.0.2.100/24');
  await inside.addTap('other', '10.0.3.1/24');
  const { child } = await inside.startSwitch('-tap', 'nat', '-tap', 'other', '--bess-to', socket);
  expect(await inside.ping('10.0.2.2')).toBe('3 received');
  expect(await inside.run(process.execPath, '-e', FETCH)).toBe('1000000\n');
  expect(child.stderr).toBe('');

  await helper.kill('SIGKILL');
  await child.waitFor('Disconnect\n');
  expect(child.running).toBe(true);
});

test.each([1500, 65_520])(
  'passt, with frames for an MTU of %i: its DHCP, its echo, and a server behind it',
  async (mtu) => {
    const [inside, outside] = await insideAndOutside();
    await outside.ip('route add default via 10.98.0.254'); // it takes the interface of this route, and sends nothing there
    await outside.run('sh', '-c', 'echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range');
    const socket = join(temporaryDirectory(), 'passt');
    const network = ['-a', '10.0.2.15', '-n', '24', '-g', '10.0.2.2', '-D', 'none', '-m', String(mtu)];
    const helper = await startHelper(
      outside,
      ...[socket, 'passt', '-f', '-e', '-4', '--runas', '0', '-s', socket, ...network],
    );
    await inside.addTap('nat', '10.0.2.15/24', mtu);
    await inside.addTap('other', '10.0.3.1/24');
    const { child } = await inside.startSwitch('-tap', 'nat', '-tap', 'other', '--stream-to', socket);
    const lease = await inside.run('sh', '-c', 'busybox udhcpc -i nat -n -q -f -s /bin/true 2>&1');
    expect(lease).toContain('lease of 10.0.2.15 obtained');
    await outside.ip('addr add 10.50.0.1/32 dev lo');
    await inside.ip('route add 10.50.0.1 via 10.0.2.2');
    expect(await inside.ping('10.50.0.1')).toBe('3 received');
    expect(await inside.run(process.execPath, '-e', FETCH)).toBe('1000000\n');
    expect(child.stderr).toBe('');

    await helper.kill('SIGKILL');
    await child.waitFor('Disconnect\n');
    expect(child.running).toBe(true);
  },
);
