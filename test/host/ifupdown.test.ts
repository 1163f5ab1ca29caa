/** The hooks in host/network under the real ifup, beside Debian's own, on a machine of the test's. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type PrivateMachine, privateMachine } from '../support/private-machine.ts';
import { type Outcome, root, runProgram, temporaryDirectory, toolScript } from '../support/run.ts';

const HOOKS = ['if-pre-up.d/uml-utilities', 'if-up.d/uml-utilities'];

/** As in Debian's example: a tap for a user, its guests seen on the network at lan0. */
const STANZA = `iface tap7 inet static
  address 192.168.1.1/32
  tunctl_user nobody
  uml_proxy_arp 192.0.2.52 192.0.2.53
  uml_proxy_ether lan0
`;

class Machine {
  readonly #machine: PrivateMachine;
  readonly #directory: string;

  private constructor(machine: PrivateMachine, directory: string) {
    this.#machine = machine;
    this.#directory = directory;
  }

  /** A machine with a network at lan0, that has these hooks only. */
  static async start(hooks: string, tunctl: string): Promise<Machine> {
    const directory = temporaryDirectory();
    for (const phase of ['if-pre-up.d', 'if-up.d', 'if-down.d', 'if-post-down.d']) mkdirSync(join(directory, phase));
    for (const hook of HOOKS) copyFileSync(join(hooks, hook), join(directory, hook));
    const machine = new Machine(
      await privateMachine({ '/etc/network': directory, '/usr/bin/tunctl': tunctl }),
      directory,
    );
    await machine.run('ip', 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1');
    await machine.run('ip', 'addr', 'add', '192.0.2.50/24', 'dev', 'lan0');
    for (const device of ['lan0', 'lan1']) await machine.run('ip', 'link', 'set', device, 'up');
    return machine;
  }

  try(...command: string[]): Promise<Outcome> {
    const [file, ...words] = this.#machine.inside(...command);
    return runProgram(file, words);
  }

  async run(...command: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.try(...command);
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  /** ifup or ifdown with this stanza. */
  ifupdown(command: 'ifup' | 'ifdown', stanza: string, ...options: string[]): Promise<Outcome> {
    writeFileSync(join(this.#directory, 'interfaces'), stanza);
    const [, name = ''] = /^iface (\S+)/.exec(stanza) ?? [];
    return this.try(command, `--state-dir=${this.#directory}`, ...options, name);
  }

  /** What became of the network: the tap with its owner, routes and proxy ARP. */
  async state(): Promise<string> {
    const tap = await this.run(
      'sh',
      '-c',
      'ip -oneline -detail link show tap7 | grep -o "tun type tap .*persist on.*user [^ ]*"',
    );
    const addresses = await this.run('ip', '-4', '-brief', 'addr', 'show', 'tap7');
    const rest = 'ip route; ip neigh show proxy; cat /proc/sys/net/ipv4/conf/*/proxy_arp';
    return `${tap}${addresses.replace(/^(\S+) +\S+/, '$1')}${await this.run('sh', '-c', rest)}`;
  }
}

const ours = (): Promise<Machine> => Machine.start(join(root, 'host/network'), toolScript('tunctl'));

test('the same becomes of a stanza as with Debian’s hooks and tunctl', async () => {
  const debian = await Machine.start('/etc/network', '/usr/bin/tunctl');
  const machine = await ours();
  expect(await debian.ifupdown('ifup', STANZA)).toMatchObject({ status: 0, stderr: '' });
  expect(await machine.ifupdown('ifup', STANZA)).toMatchObject({
    status: 0,
    stdout: "Set 'tap7' persistent and owned by uid 65534\n",
    stderr: '',
  });
  const state = await machine.state();
  expect(state).toBe(await debian.state());
  expect(state).toMatch(/user nobody/);
  for (const address of ['192.0.2.52', '192.0.2.53']) {
    expect(state).toMatch(new RegExp(`^${address} dev tap7 scope link`, 'm'));
    expect(state).toMatch(new RegExp(`^${address} dev lan0 proxy`, 'm'));
  }
});

test('once more changes nothing; down, the device stays its user’s', async () => {
  const machine = await ours();
  await machine.ifupdown('ifup', STANZA);
  const before = await machine.state();
  expect(await machine.ifupdown('ifup', STANZA, '--force')).toMatchObject({ status: 0 });
  expect(await machine.state()).toBe(before);
  expect(await machine.ifupdown('ifdown', STANZA)).toMatchObject({ status: 0 });
  expect(await machine.run('ip', '-detail', 'link', 'show', 'tap7')).toContain('user nobody');
});

test.each(['tap.7', 'tap-7_b+c'])('a device may be called %s', async (name) => {
  const machine = await ours();
  expect(await machine.ifupdown('ifup', STANZA.replace('tap7', name))).toMatchObject({ status: 0, stderr: '' });
  expect(await machine.run('ip', 'route')).toMatch(`192.0.2.52 dev ${name} scope link`);
});

test('the guests may be told of with a second address of the tap', async () => {
  const machine = await ours();
  await machine.ifupdown('ifup', 'iface tap7 inet static\n  address 192.168.1.1/32\n  tunctl_user nobody\n');
  const second = STANZA.replace('tap7', 'tap7:0')
    .replace('192.168.1.1', '192.168.1.2')
    .replace(/.*tunctl.*\n/, '');
  expect(await machine.ifupdown('ifup', second)).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
  expect(await machine.state()).toMatch(/^192\.0\.2\.52 dev tap7 scope link/m);
  expect(await machine.run('cat', '/proc/sys/net/ipv4/conf/tap7/proxy_arp')).toBe('1\n');
});

describe('what fails is ifup’s failure', () => {
  test.each([
    ['a user that is not there', 'tunctl_user nobody', 'tunctl_user no-such-user'],
    ['a network that is not there', 'uml_proxy_ether lan0', 'uml_proxy_ether nosuch0'],
    ['no address', '192.0.2.52 192.0.2.53', '192.0.2.52 192.0.2.*'],
  ])('%s', async (_, right, wrong) => {
    const machine = await ours();
    const outcome = await machine.ifupdown('ifup', STANZA.replace(right, wrong));
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toMatch(/no-such-user|nosuch0|192\.0\.2\.\*/);
  });
});

test.each([
  ['', ''],
  ['uml_proxy_arp 192.0.2.52', ''],
  ['uml_proxy_ether lan0', ''],
])("without their options they leave an interface alone: '%s'", async (option) => {
  const machine = await ours();
  await machine.run('ip', 'tuntap', 'add', 'dev', 'tap7', 'mode', 'tap');
  const stanza = `iface tap7 inet static\n  address 192.168.1.1/32\n  ${option}\n`;
  expect(await machine.ifupdown('ifup', stanza)).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
  expect(
    await machine.run(
      'sh',
      '-c',
      'ip neigh show proxy; ip route | grep tap7; cat /proc/sys/net/ipv4/conf/tap7/proxy_arp',
    ),
  ).toBe('0\n');
  expect(await machine.run('ip', '-detail', 'link', 'show', 'tap7')).not.toContain('user nobody');
});
