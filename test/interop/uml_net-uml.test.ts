/** The real UML kernel runs our uml_net: as root, and for another user by file capabilities. */
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type NetworkNamespace, networkNamespace } from '../support/namespace.ts';
import { type RealUml, startRealUml } from '../support/real-uml.ts';
import { rootImage, shim } from '../support/real-uml-parts.ts';
import { runProgram, temporaryDirectory, toolScript } from '../support/run.ts';
import { asMember, capableCopy, NOBODY } from '../support/uml-net.ts';

const LINUX_UML = '/usr/bin/linux.uml';
let host: NetworkNamespace;
/** A machine on the host's LAN. */
let neighbour: NetworkNamespace;
let uml: RealUml | undefined;

async function run(namespace: NetworkNamespace, ...command: string[]): Promise<string> {
  const [file, ...words] = namespace.inside(...command);
  const { status, stdout, stderr } = await runProgram(file, words);
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

beforeEach(async () => {
  [host, neighbour] = [await networkNamespace(), await networkNamespace()];
  const [, network = ''] = neighbour.inside();
  await run(host, 'ip', 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1');
  await run(host, 'ip', 'link', 'set', 'lan1', 'netns', network.replace('--net=', ''));
  await run(host, 'ip', 'addr', 'add', '192.0.2.50/24', 'dev', 'lan0');
  await run(host, 'ip', 'link', 'set', 'lan0', 'up');
  await run(neighbour, 'ip', 'addr', 'add', '192.0.2.77/24', 'dev', 'lan1');
  await run(neighbour, 'ip', 'link', 'set', 'lan1', 'up');
});

afterEach(async () => {
  await uml?.stop();
  uml = undefined;
});

/** A directory with a `linux.uml` that runs the real one behind these words. */
function kernelBehind(command: readonly string[], preparation = ''): string {
  const directory = temporaryDirectory();
  const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  writeFileSync(join(directory, 'linux.uml'), `#!/bin/sh\n${preparation}\nexec ${words} "$@"\n`, { mode: 0o755 });
  return directory;
}

const ping = (address: string): string[] => ['ping', '-c', '1', '-W', '10', address];

/** What the guest, the host and the LAN see of an interface that comes up and goes down. */
async function goesUpAndDown(guest: RealUml): Promise<void> {
  await guest.command('dmesg -c >/dev/null; ifconfig eth0 192.0.2.2 netmask 255.255.255.0 up');
  expect(await guest.command('dmesg')).toContain(
    [
      '* modprobe tun',
      '* ifconfig tap0 192.0.2.1 netmask 255.255.255.255 up',
      '* bash -c echo 1 > /proc/sys/net/ipv4/ip_forward',
      '* route add -host 192.0.2.2 dev tap0',
      '* bash -c echo 1 > /proc/sys/net/ipv4/conf/tap0/proxy_arp',
      '* arp -Ds 192.0.2.2 lan0 pub',
      '',
    ].join('\n'),
  );
  expect(await guest.command('ping -c 1 192.0.2.1')).toContain('1 packets received');
  expect(await run(host, ...ping('192.0.2.2'))).toContain(' 0% packet loss');
  expect(await run(neighbour, ...ping('192.0.2.2'))).toContain(' 0% packet loss'); // by proxy ARP and forwarding
  expect(await guest.command('ping -c 1 192.0.2.77')).toContain('1 packets received');
  expect(await run(host, 'ip', 'neigh', 'show', 'proxy')).toBe('192.0.2.2 dev lan0 proxy \n');

  await guest.command('dmesg -c >/dev/null; ifconfig eth0 down');
  expect(await guest.command('dmesg')).toBe(
    [
      '* route del -host 192.0.2.2 dev tap0',
      '* bash -c echo 0 > /proc/sys/net/ipv4/conf/tap0/proxy_arp',
      '* arp -i lan0 -d 192.0.2.2 pub',
      '',
    ].join('\n'),
  );
  expect(await run(host, 'ip', '-brief', 'link')).not.toContain('tap0');
  expect(await run(host, 'sh', '-c', 'ip route; ip neigh show proxy')).not.toContain('192.0.2.2 ');
}

test('as root', async () => {
  const path = [kernelBehind(host.inside(LINUX_UML)), dirname(toolScript('uml_net')), process.env.PATH].join(':');
  const args = ['eth0=tuntap,,,192.0.2.1', 'eth1=ethertap,tap9,,192.0.2.9', 'eth2=tuntap,,,192.0.2.300'];
  uml = await startRealUml({ args, env: { PATH: path } });
  await goesUpAndDown(uml);
  await goesUpAndDown(uml); // and again

  await expect(uml.command('ifconfig eth1 192.0.2.10 up')).rejects.toThrow('No child processes');
  expect(await uml.command('dmesg -c')).toMatch(
    /^etap_tramp : uml_net failed\nhelper_wait : process \d+ exited with status 0x100\numl_net : Linux has no ethertap devices since 2\.6; use tuntap\netap_tramp failed - err = 10\n/m,
  );
  await expect(uml.command('ifconfig eth2 192.0.2.11 up')).rejects.toThrow('Invalid argument');
  expect(await uml.command('dmesg -c')).toMatch(
    /^192\.0\.2\.300: Unknown host\n'ifconfig' didn't exit with status 0\ntuntap_open_tramp failed - err = 22\n/m,
  );
});

test('for a user without root, by a copy with CAP_NET_ADMIN', async () => {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  const place = (name: string): string => join(directory, name);
  const [tun, preload, image, own] = [place('tun'), place('shim.so'), place('root_fs'), place('own')];
  await runProgram('mknod', ['-m', '666', tun, 'c', '10', '200']); // /dev/net/tun as udev makes it
  copyFileSync(shim(), preload);
  copyFileSync(rootImage(), image);
  mkdirSync(own);
  chownSync(own, NOBODY, NOBODY);
  const evil = place('evil.cjs');
  const proof = join(own, 'proof');
  writeFileSync(evil, `require('fs').writeFileSync('${proof}', '')`);

  const bind = ['sh', '-c', `mount --bind ${tun} /dev/net/tun && exec "$@"`, 'sh'];
  const command = host.inside('unshare', '--mount', ...bind, ...asMember(LINUX_UML));
  const kernel = kernelBehind(command, `chown ${NOBODY} "$HOME"; LD_PRELOAD=${preload}`);
  const env = { PATH: [kernel, await capableCopy(), process.env.PATH].join(':'), NODE_OPTIONS: `--require ${evil}` };
  uml = await startRealUml({ args: ['eth0=tuntap,,,192.0.2.1'], ubda: `${join(own, 'root.cow')},${image}`, env });
  await goesUpAndDown(uml);
  expect(await runProgram('ls', [proof])).toMatchObject({ status: 2 });
});
