/** Hosts of a small network: network namespaces of the test's own, joined by a bridge, with addresses of both families. */
import { type NetworkNamespace, networkNamespace } from './namespace.ts';
import { type Child, runProgram, spawnProgram, temporaryDirectory, toolCommand } from './run.ts';

export class Host {
  readonly namespace: NetworkNamespace;
  /** Its addresses on the network that joins the hosts. */
  readonly ipv4: string;
  readonly ipv6: string;

  constructor(namespace: NetworkNamespace, number: number) {
    this.namespace = namespace;
    this.ipv4 = `10.98.0.${number}`;
    this.ipv6 = `fd98::${number}`;
  }

  /** Runs a command to its end. Its output; an Error if it failed. */
  async run(...command: string[]): Promise<string> {
    const [file, ...words] = this.namespace.inside(...command);
    const { status, stdout, stderr } = await runProgram(file, words);
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Runs `ip` with these words. */
  ip(words: string): Promise<string> {
    return this.run('ip', ...words.split(' '));
  }

  spawn(...command: string[]): Child {
    const [file, ...words] = this.namespace.inside(...command);
    return spawnProgram(file, words);
  }

  /** Starts our switch, and waits until it serves. */
  async startSwitch(...args: string[]): Promise<{ child: Child; control: string }> {
    const control = `${temporaryDirectory()}/ctl`;
    const child = this.spawn(...toolCommand('uml_switch', ['-unix', control, ...args]));
    await child.waitFor(/attached to unix socket .*\n/);
    return { child, control };
  }

  /** Makes a tap device that is up, with an address of its own. */
  async addTap(name: string, address: string, mtu = 1500): Promise<void> {
    await this.ip(`tuntap add dev ${name} mode tap`);
    await this.ip(`link set ${name} up mtu ${mtu}`);
    await this.ip(`addr add ${address} dev ${name}`);
  }

  /** How many of three pings are answered, e.g. `3 received`; more are sent until there are three answers. Options as ping has them. */
  async ping(address: string, ...options: string[]): Promise<string> {
    const [file, ...words] = this.namespace.inside('ping', '-c', '3', '-i', '0.2', '-w', '20', ...options, address);
    const { stdout } = await runProgram(file, words);
    return /\d+ received/.exec(stdout)?.[0] ?? stdout;
  }

  /** Attaches it by a veth pair: `wire` here, the other end in the bridge of `hub`. */
  async plugInto(hub: NetworkNamespace, number: number): Promise<void> {
    await this.ip(`link add wire type veth peer name plug${number} netns ${hub.pid}`);
    const inHub = new Host(hub, 0);
    await inHub.ip(`link set plug${number} master bridge up`);
    // Else a host answers for all its addresses on each device of an Ethernet.
    await this.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore');
    await this.ip('link set lo up');
    await this.ip(`addr add ${this.ipv4}/24 dev wire`);
    await this.ip(`addr add ${this.ipv6}/64 dev wire nodad`);
    await this.ip('link set wire up');
  }
}

/** Makes so many hosts on one Ethernet. */
export async function hostsOnBridge(count: number): Promise<Host[]> {
  const hub = await networkNamespace();
  const bridge = new Host(hub, 0);
  await bridge.ip('link add bridge type bridge mcast_snooping 0');
  await bridge.ip('link set bridge up');
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const host = new Host(await networkNamespace(), index + 1);
      await host.plugInto(hub, index + 1);
      return host;
    }),
  );
}
