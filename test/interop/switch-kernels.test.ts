/** One switch, and kernels on each transport that UML has for it: `daemon`, `vec0:transport=bess` and `mcast`. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { hostsOnBridge } from '../support/hosts.ts';
import { startOurUml } from '../support/our-uml.ts';
import { startRealUml } from '../support/real-uml.ts';
import { temporaryDirectory } from '../support/run.ts';

const TIMEOUT = 300_000;

test(
  'real UMLs over daemon, BESS and multicast and our own linux are one Ethernet',
  async () => {
    const [host] = await hostsOnBridge(1);
    if (!host) throw new Error('no host');
    await host.ip('route add 239.192.0.0/16 dev wire');
    const bess = join(temporaryDirectory(), 'bess');
    const { child, control } = await host.startSwitch('--bess', bess, '--mcast', '239.192.168.1:1102,ttl=0,if=wire');
    const { namespace } = host;
    const [daemon, vector, multicast, ours] = await Promise.all([
      startRealUml({ namespace, args: [`eth0=daemon,,unix,${control}`] }),
      startRealUml({ namespace, args: [`vec0:transport=bess,dst=${bess},depth=128,gro=1`] }),
      startRealUml({ namespace, args: ['eth0=mcast,,239.192.168.1,1102,0'] }),
      startOurUml({ namespace, args: [`eth0=daemon,,unix,${control}`] }),
    ]);
    onTestFinished(async () => {
      await Promise.all([daemon.stop(), vector.stop(), multicast.stop()]);
    });
    const guests = [
      { uml: daemon, device: 'eth0' },
      { uml: vector, device: 'vec0' },
      { uml: multicast, device: 'eth0' },
      { uml: ours, device: 'eth0' },
    ];
    for (const [index, { uml, device }] of guests.entries()) {
      await uml.command(`ifconfig ${device} 192.168.7.${index + 1} up`);
    }
    for (const { uml } of guests) {
      for (const [index] of guests.entries()) {
        const said = await uml.command(`ping -c 2 -i 0.2 -W 10 -s 1472 192.168.7.${index + 1}`);
        expect(said).toContain('2 packets transmitted, 2 packets received, 0% packet loss');
      }
    }
    // A file of full-size frames arrives whole, and nothing of it is lost on the way.
    await vector.command('head -c 3000000 /dev/urandom > /tmp/file; httpd -p 4000 -h /tmp');
    const sum = await vector.command('md5sum < /tmp/file');
    for (const uml of [daemon, multicast, ours]) {
      expect(await uml.command('wget -q -O - http://192.168.7.2:4000/file | md5sum')).toBe(sum);
    }
    expect(child.stdout.match(/New connection/g)).toHaveLength(4); // two daemon clients, one BESS, the trunk
    await vector.command('ifconfig vec0 down');
    await child.waitFor('Disconnect\n');
    await vector.command('ifconfig vec0 192.168.7.2 up');
    expect(await ours.command('ping -c 2 -i 0.2 -W 10 192.168.7.2')).toContain('2 packets received');
    await ours.powerOff();
  },
  TIMEOUT,
);
