/** Our uml_net beside the C one, and what it allows to whom: each in a network namespace of its own. */
import { readFileSync } from 'node:fs';
import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { closeFd } from '../../src/lib/os/index.ts';
import { attachedDevice } from '../../src/lib/tuntap/index.ts';
import { type NetworkNamespace, networkNamespace } from '../support/namespace.ts';
import { runProgram, temporaryDirectory, toolCommand } from '../support/run.ts';
import { callHelper, type HelperCall } from '../support/uml-net.ts';

const C_UML_NET = '/usr/bin/uml_net';
const MASK = '255.255.255.0';
const open: number[] = [];

afterEach(() => {
  for (const fd of open.splice(0)) closeFd(fd);
});

/** A host with two networks, on one of which it is 192.0.2.50/24. */
class Host {
  readonly #namespace: NetworkNamespace;
  readonly #helper: (words: readonly string[]) => readonly string[];

  private constructor(namespace: NetworkNamespace, helper: (words: readonly string[]) => readonly string[]) {
    this.#namespace = namespace;
    this.#helper = helper;
  }

  /** @param helper the command that runs uml_net with some words */
  static async start(helper: (words: readonly string[]) => readonly string[] = ours): Promise<Host> {
    const host = new Host(await networkNamespace(), helper);
    await host.run('ip', 'link', 'set', 'lo', 'up');
    await host.run('ip', 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1');
    await host.run('ip', 'addr', 'add', '192.0.2.50/24', 'dev', 'lan0');
    for (const device of ['lan0', 'lan1']) await host.run('ip', 'link', 'set', device, 'up');
    return host;
  }

  async run(...command: string[]): Promise<string> {
    const [file, ...words] = this.#namespace.inside(...command);
    const { status, stdout, stderr } = await runProgram(file, words);
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
    return stdout;
  }

  async call(words: string, env: Record<string, string> = {}): Promise<HelperCall> {
    const command = this.#namespace.inside(...this.#helper(words.split(' ')));
    const type = words.includes(' up ') ? 'dgram' : 'stream';
    const call = await callHelper(type, command, { program: 'as given', env });
    open.push(...call.messages.flatMap(({ descriptors }) => descriptors));
    return call;
  }

  /** Interfaces that are up, addresses, routes, proxy ARP and the switches of the kernel. */
  async state(): Promise<string> {
    const links = await this.run('ip', '-oneline', 'link', 'show', 'up');
    const up = links.replace(/^\d+: ([^:@]+).*$/gm, '$1 is up');
    const addresses = (await this.run('ip', '-4', '-brief', 'addr')).replace(/^(\S+) +\S+ +(.*?) *$/gm, '$1 has $2');
    const switches = 'grep -H . /proc/sys/net/ipv4/ip_forward $(ls -d /proc/sys/net/ipv4/conf/*/proxy_arp)';
    return `${up}${addresses}${await this.run('sh', '-c', `ip route; ip neigh show proxy; ${switches}`)}`;
  }
}

const ours = (words: readonly string[]): string[] => toolCommand('uml_net', words);
const theirs = (words: readonly string[]): string[] => [C_UML_NET, ...words];

/** Ours as some user, with the capability. */
function asUser(user: number, ...groups: number[]): (words: readonly string[]) => string[] {
  // dac_override: the sources may lie in a closed directory, and /dev/net/tun may be root's alone
  const capabilities = '+net_admin,+dac_override';
  const ids = [`--reuid=${user}`, `--regid=${user}`, groups.length > 0 ? `--groups=${groups}` : '--clear-groups'];
  return (words) => [
    'setpriv',
    ...ids,
    `--inh-caps=${capabilities}`,
    `--ambient-caps=${capabilities}`,
    ...toolCommand('uml_net', words),
  ];
}

/** What the C tool says of a machine without modprobe, which it runs. */
const withoutModprobe = (text: string): string =>
  text.replace("Failed to exec 'modprobe'No such file or directory\n", '');

test('the same calls have the same effects and answers as with the C tool', async () => {
  const [c, our] = [await Host.start(theirs), await Host.start(ours)];
  for (const words of [
    '4 tuntap up 192.0.2.1',
    '4 add tap0 192.0.2.2 255.255.255.0',
    '4 add tap0 192.0.2.2 255.255.255.0', // SIOCADDRT: File exists
    '4 tuntap add tap0 198.51.100.1 255.255.255.0', // no LAN to be announced on
    '4 tuntap up 192.0.2.1', // a second guest
    '4 add tap1 192.0.2.3 255.255.255.0', // announced to the first one too, by its route
    '3 tuntap add tap1 192.0.2.4', // eth0, which is not there
    '4 add tap1 nobody 255.255.255.0',
    '4 add tap1 192.0.2.6 none',
    '4 add nosuch0 192.0.2.7 255.255.255.0',
    '4 add tap-0 192.0.2.7 255.255.255.0',
    '4 del tap1 192.0.2.3 255.255.255.0',
    '4 del tap1 192.0.2.3 255.255.255.0', // SIOCDELRT: No such process, No ARP entry
    '3 tuntap del tap1 192.0.2.4',
    '4 del  192.0.2.9 255.255.255.0', // the kernel's call after a SLIP line that failed (golden/net/16)
    '4 tuntap del tap0 192.0.2.2 255.255.255.0',
    '3 tuntap up x ', // no address
  ]) {
    const [expected, got] = [await c.call(words), await our.call(words)];
    const texts = (call: HelperCall) => call.messages.map(({ text }) => withoutModprobe(text));
    if (words.includes(' up ')) {
      expect([words, texts(got)]).toEqual([words, texts(expected)]);
      const names = ({ messages }: HelperCall) => messages[0]?.descriptors.map((fd) => attachedDevice(fd).name);
      expect(names(got)).toEqual(names(expected));
    } else expect([words, got.text]).toEqual([words, expected.text]);
    expect([words, got.status, got.stderr]).toEqual([words, expected.status, expected.stderr]);
    expect([words, await our.state()]).toEqual([words, await c.state()]);
  }
});

test('a tap has the host’s address and lasts as long as its descriptor', async () => {
  const host = await Host.start();
  const { messages, status, stderr } = await host.call('4 tuntap up 192.0.2.1');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(messages).toHaveLength(1);
  expect(messages[0]?.text).toBe(
    `tap0${'\0'.repeat(12)}* modprobe tun\n* ifconfig tap0 192.0.2.1 netmask 255.255.255.255 up\n` +
      '* bash -c echo 1 > /proc/sys/net/ipv4/ip_forward\n\0',
  );
  const [fd] = messages[0]?.descriptors ?? [];
  expect(attachedDevice(fd ?? -1)).toMatchObject({ name: 'tap0', mode: 'tap', packetInfo: false, vnetHeader: false });
  expect(await host.state()).toMatch(/^tap0 is up\n(?:.*\n)*tap0 has 192\.0\.2\.1\/32$/m);
  expect(await host.run('cat', '/proc/sys/net/ipv4/ip_forward')).toBe('1\n');
  closeFd(open.pop() ?? -1);
  expect(await host.state()).not.toContain('tap0');
});

test('an address that is none leaves no tap behind', async () => {
  const host = await Host.start();
  for (const gate of ['localhost', '::1', '300.1.1.1', '192.0.2.1;id']) {
    const { messages, status } = await host.call(`4 tuntap up ${gate}`);
    expect([status, messages]).toEqual([
      0,
      [
        {
          text:
            `* modprobe tun\n* ifconfig tap0 ${gate} netmask 255.255.255.255 up\n${gate}: Unknown host\n` +
            "'ifconfig' didn't exit with status 0\n\0",
          descriptors: [],
        },
      ],
    ]);
  }
  expect(await host.state()).not.toContain('tap0');
});

test('old kernels: the tap comes over the descriptor that they name', async () => {
  const host = await Host.start();
  const { messages, status } = await host.call('2 tuntap up wish 1 192.0.2.1');
  expect([status, messages.length, messages[0]?.descriptors.length]).toEqual([0, 1, 1]);
  expect(await host.call('2 tuntap add tap0 192.0.2.2')).toMatchObject({
    status: 0,
    text: '',
    stderr: "arp: cant get HW-Address for `eth0': No such device.\n",
  });
  expect(await host.state()).toMatch(/^192\.0\.2\.2 dev tap0 scope link/m);
});

describe('callers that are not root', () => {
  const refused = (device: string) => {
    const text = `uml_net : '${device}' is no device of yours\n\0`;
    return { status: 1, text: `${String.fromCharCode(text.length)}\0\0\0${text}` };
  };

  test('have the taps that were made for them, and nobody else’s', async () => {
    const host = await Host.start(asUser(65534));
    const { messages, status } = await host.call('4 tuntap up 192.0.2.1');
    expect([status, messages[0]?.descriptors.length]).toEqual([0, 1]);
    expect(await host.run('ip', '-detail', 'link', 'show', 'tap0')).toMatch(/ user (nobody|65534) /);
    expect(await host.call(`4 add tap0 192.0.2.2 ${MASK}`)).toMatchObject({
      status: 0,
      text: `${String.fromCharCode(125)}\0\0\0* route add -host 192.0.2.2 dev tap0\n* bash -c echo 1 > /proc/sys/net/ipv4/conf/tap0/proxy_arp\n* arp -Ds 192.0.2.2 lan0 pub\n\0`,
    });
    const before = await host.state();
    expect(before).toMatch(/^192\.0\.2\.2 dev lan0 proxy/m);
    for (const device of ['lan0', 'lo', 'nosuch0', '']) {
      for (const operation of ['add', 'del', 'tuntap add']) {
        expect(await host.call(`4 ${operation} ${device} 192.0.2.2 ${MASK}`)).toMatchObject(refused(device));
      }
    }
    expect(await host.state()).toBe(before);
  });

  test('others’ taps', async () => {
    const host = await Host.start(asUser(1234, 5678));
    await host.run('ip', 'tuntap', 'add', 'dev', 'taproot', 'mode', 'tap');
    await host.run('ip', 'tuntap', 'add', 'dev', 'tapother', 'mode', 'tap', 'user', '65534');
    await host.run('ip', 'tuntap', 'add', 'dev', 'tapgroup', 'mode', 'tap', 'group', '5678');
    await host.run('ip', 'tuntap', 'add', 'dev', 'taplogin', 'mode', 'tap', 'group', '1234');
    await host.run('ip', 'tuntap', 'add', 'dev', 'tapothers', 'mode', 'tap', 'group', '65534');
    for (const device of ['taproot', 'tapother', 'tapothers']) {
      expect(await host.call(`4 add ${device} 192.0.2.2 ${MASK}`)).toMatchObject(refused(device));
    }
    for (const device of ['tapgroup', 'taplogin']) {
      await host.run('ip', 'link', 'set', device, 'up');
      expect(await host.call(`4 add ${device} 192.0.2.2 ${MASK}`)).toMatchObject({ status: 0 });
      expect(await host.state()).toMatch(new RegExp(`^192\\.0\\.2\\.2 dev ${device} scope link`, 'm'));
      expect(await host.call(`4 del ${device} 192.0.2.2 ${MASK}`)).toMatchObject({ status: 0 });
    }
  });

  test('can’t end the proxy ARP of addresses that are not theirs', async () => {
    const host = await Host.start(asUser(65534));
    await host.run('ip', 'neigh', 'add', 'proxy', '192.0.2.9', 'dev', 'lan0');
    await host.call('4 tuntap up 192.0.2.1');
    expect((await host.call(`4 del tap0 192.0.2.9 ${MASK}`)).text).toContain('SIOCDELRT: No such process\n');
    expect(await host.state()).toMatch(/^192\.0\.2\.9 dev lan0 proxy/m);
  });

  test('without the capability they are told what was refused', async () => {
    const capabilities = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
    const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...capabilities];
    const host = await Host.start((words) => [...user, ...toolCommand('uml_net', words)]);
    expect(await host.call('4 tuntap up 192.0.2.1')).toMatchObject({
      status: 0,
      messages: [{ text: '* modprobe tun\nTUNSETIFF : : Operation not permitted\n\0', descriptors: [] }],
    });
  });
});

test('BASH_ENV is a root shell for the callers of a set-uid C tool, and nothing for ours', async () => {
  const directory = temporaryDirectory();
  await chmod(directory, 0o755);
  const [setuid, script, proof] = ['uml_net', 'script', 'proof'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await copyFile(C_UML_NET, setuid);
  await chmod(setuid, 0o4755);
  await writeFile(script, `id -u > ${proof}\n`);
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const c = await Host.start((words) => [...nobody, setuid, ...words]);
  await c.call('4 tuntap up ', { BASH_ENV: script });
  expect(readFileSync(proof, 'utf8')).toBe('0\n');

  await writeFile(proof, '');
  const our = await Host.start(ours); // as root, to whom nothing is refused
  expect((await our.call('4 tuntap up ', { BASH_ENV: script, ENV: script })).messages[0]?.descriptors).toHaveLength(1);
  expect((await our.call('4 add tap0 192.0.2.2 255.255.255.0', { BASH_ENV: script })).status).toBe(0);
  expect(readFileSync(proof, 'utf8')).toBe('');
});
