/** VLANs with others who know them, at the other end of a trunk: vde_switch, and the kernel's own devices. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { PortVlan } from '../../src/lib/switch/index.ts';
import { Embedded } from '../lib/switch/embedded.ts';
import { broadcast, frame, Guest, mac, requestV3 } from '../lib/switch/wire.ts';
import { hostsOnBridge } from '../support/hosts.ts';
import { startRealUml } from '../support/real-uml.ts';
import { type Child, runTool, temporaryDirectory } from '../support/run.ts';
import { startPlug, startVdeSwitch, type VdeSwitch, withLength } from '../support/vde.ts';

/** The frame with a tag after its addresses. */
function tagged(bytes: Buffer, vlan: number): Buffer {
  return Buffer.concat([bytes.subarray(0, 12), Buffer.from([0x81, 0x00, vlan >> 8, vlan & 255]), bytes.subarray(12)]);
}

/** What vde_plug has given so far, a line each; the last may still be on its way. */
const framesOf = (plug: Child): string[] => plug.stdout.split('\n').slice(0, -1);

/** Two vde_plugs, and all that went over the cable between them. */
class Cable {
  readonly #ends: readonly [Child, Child];
  readonly #timer: NodeJS.Timeout;
  readonly #moved: [number, number] = [0, 0];

  constructor(here: string, there: string) {
    this.#ends = [startPlug(here), startPlug(there)];
    this.#timer = setInterval(() => this.#move(), 2);
  }

  #move(): void {
    for (const side of [0, 1] as const) {
      const frames = framesOf(this.#ends[side]).slice(this.#moved[side]);
      this.#moved[side] += frames.length;
      for (const each of frames) {
        this.#ends[1 - side]?.write(`${withLength(Buffer.from(each, 'hex')).toString('hex')}\n`);
      }
    }
  }

  /** The frames that came out of the switch at this end. */
  from(side: 'here' | 'there'): string[] {
    return framesOf(this.#ends[side === 'here' ? 0 : 1]);
  }

  unplug(): void {
    clearInterval(this.#timer);
    for (const end of this.#ends) end.write('kill\n');
  }
}

const access = (vlan: number): PortVlan => ({ mode: 'access', vlan });
const NATIVE = 30;
/** They are on both sides and on the trunk; that of the native one has no tags there. */
const VLANS = [10, 20, NATIVE] as const;
/** Theirs has it on the trunk, ours does not. */
const FOREIGN = 40;
const TRUNK = 3;

/** vde_switch with an access port for each VLAN, whose number is the VLAN's, and the trunk. */
async function theirSwitch(): Promise<VdeSwitch & { join(vlan: number): Promise<Guest> }> {
  const { directory, manage } = await startVdeSwitch();
  await manage('port/setnumports 64', `port/create ${TRUNK}`);
  for (const vlan of [...VLANS, FOREIGN]) {
    await manage(`vlan/create ${vlan}`, `port/create ${vlan}`, `port/setvlan ${vlan} ${vlan}`);
    await manage(vlan === NATIVE ? `port/setvlan ${TRUNK} ${vlan}` : `vlan/addport ${vlan} ${TRUNK}`);
  }
  const ctl = join(directory, 'ctl');
  return { directory, manage, join: (vlan) => Guest.join(ctl, (address) => requestV3(address, { type: vlan << 8 })) };
}

test('a trunk to vde_switch: frames stay in their VLAN, with its tag on the wire, or none in the native one', async () => {
  const vde = join(temporaryDirectory(), 'vde');
  const subject = new Embedded({ vde });
  const theirs = await theirSwitch();
  // The same address in every VLAN, on each side: each VLAN is an Ethernet of its own.
  const [ours, others] = [new Map<number, Guest>(), new Map<number, Guest>()];
  for (const vlan of [...VLANS, FOREIGN]) {
    ours.set(vlan, await Guest.join(subject.control));
    others.set(vlan, await theirs.join(vlan));
    const port = (await subject.connected(ours.size)).at(-1)!;
    subject.network.change({ set: 'vlan', port, vlan: access(vlan) });
  }
  const outsider = await Guest.join(subject.control); // a transparent port
  const cable = new Cable(vde, `${theirs.directory}[${TRUNK}]`);
  const trunk = (await subject.connected(6)).at(-1)!;
  while (!(await theirs.manage(`port/allprint ${TRUNK}`)).includes('vdeplug')) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  subject.network.change({ set: 'vlan', port: trunk, vlan: { mode: 'trunk', vlans: [10, 20], native: NATIVE } });

  // Twice from each side: what comes second shows that nothing came in between.
  const [sentHere, sentThere]: [string[], string[]] = [[], []];
  const onWire = (bytes: Buffer, vlan: number) => (vlan === NATIVE ? bytes : tagged(bytes, vlan)).toString('hex');
  for (const round of [1, 2]) {
    for (const [from, to, source, sent] of [
      [ours, others, mac(1), sentHere],
      [others, ours, mac(2), sentThere],
    ] as const) {
      const frames = VLANS.map((vlan) => ({ vlan, bytes: frame(broadcast, source, round === 1 ? 60 : 1514) }));
      for (const { vlan, bytes } of frames) {
        from.get(vlan)!.send(bytes);
        sent.push(onWire(bytes, vlan));
        expect(await to.get(vlan)!.next()).toEqual(bytes);
      }
    }
    // Both know now where the other's are: to one address, in each VLAN its own.
    for (const vlan of VLANS) {
      const there = frame(mac(2), mac(1), 1514);
      ours.get(vlan)!.send(there);
      sentHere.push(onWire(there, vlan));
      expect(await others.get(vlan)!.next()).toEqual(there);
      const back = frame(mac(1), mac(2));
      others.get(vlan)!.send(back);
      sentThere.push(onWire(back, vlan));
      expect(await ours.get(vlan)!.next()).toEqual(back);
    }
  }
  expect(cable.from('here')).toEqual(sentHere);
  expect(cable.from('there')).toEqual(sentThere);

  // A VLAN that the trunk does not carry here: theirs sends it, with its tag; it is dropped and counted.
  expect(subject.port(trunk).counters.rxDropped).toBe(0);
  const foreign = frame(broadcast, mac(2));
  others.get(FOREIGN)!.send(foreign);
  await subject.counted(trunk, ({ counters }) => counters.rxDropped === 1);
  expect(cable.from('there').at(-1)).toBe(onWire(foreign, FOREIGN));
  // And ours does not send it there.
  ours.get(FOREIGN)!.send(frame(broadcast, mac(1)));
  const last = frame(mac(2), mac(1));
  ours.get(20)!.send(last);
  expect(await others.get(20)!.next()).toEqual(last);
  expect(cable.from('here').at(-1)).toBe(onWire(last, 20));
  expect(cable.from('here')).toHaveLength(sentHere.length + 1);

  expect(subject.port(5 + ours.size).counters.txFrames).toBe(0); // the outsider's
  const addresses = await subject.network.addresses({ port: trunk });
  expect(addresses.map(({ address, vlan }) => ({ address, vlan })).sort((a, b) => a.vlan - b.vlan)).toEqual(
    VLANS.map((vlan) => ({ address: '02:00:00:00:00:02', vlan })),
  );
  for (const guest of [...ours.values(), ...others.values(), outsider]) guest.leave();
  cable.unplug();
});

/** What the kernel needs for VLANs, in the order in which it takes them; an archive that is a disk of the guest's. */
function moduleArchive(): string {
  const modules = '/usr/lib/uml/modules';
  const [version = ''] = readdirSync(modules);
  const files = ['net/llc/llc.ko', 'net/802/stp.ko', 'net/802/garp.ko', 'net/802/mrp.ko', 'net/8021q/8021q.ko'];
  const archive = join(temporaryDirectory(), 'modules.tar');
  execFileSync('tar', ['-cf', archive, '-C', join(modules, version, 'kernel'), ...files]);
  return archive;
}

test("a UML kernel's own VLAN devices, behind a trunk", async () => {
  const [host] = await hostsOnBridge(1);
  if (!host) throw new Error('no host');
  const socket = join(temporaryDirectory(), 'console');
  for (const vlan of VLANS) await host.addTap(`tap${vlan}`, `10.${vlan}.0.9/24`);
  const taps = VLANS.flatMap((vlan) => ['-tap', `tap${vlan}`]);
  const { child, control } = await host.startSwitch(...taps, '--console', socket);
  const uml = await startRealUml({
    namespace: host.namespace,
    args: [`eth0=daemon,,unix,${control}`, `ubdb=${moduleArchive()}`],
  });
  onTestFinished(() => uml.stop());
  await uml.command(
    'tar -xf /dev/ubdb -C /tmp; cd /tmp/net; for m in llc/llc 802/stp 802/garp 802/mrp 8021q/8021q; do insmod $m.ko; done',
  );
  await uml.command(`ifconfig eth0 10.${NATIVE}.0.1 netmask 255.255.255.0 up`);
  await child.waitFor(/(New connection\n.*){4}/s);
  const ask = async (...words: string[]) =>
    expect(await runTool('switchctl', ['-s', socket, 'port', 'vlan', ...words])).toMatchObject({
      status: 0,
      stderr: '',
    });
  for (const vlan of VLANS) await ask(`tap${vlan}`, 'access', String(vlan));
  await ask('8', 'trunk', '10,20', 'native', String(NATIVE));
  for (const vlan of [10, 20]) {
    await uml.command(`vconfig add eth0 ${vlan}; ifconfig eth0.${vlan} 10.${vlan}.0.1 netmask 255.255.255.0 up`);
  }
  for (const vlan of VLANS) {
    expect(await uml.command(`ping -c 2 -i 0.2 -W 10 -s 1472 10.${vlan}.0.9`)).toContain('2 packets received');
    expect(await host.ping(`10.${vlan}.0.1`, '-s', '1472')).toBe('3 received');
  }
  // An address of the other VLAN's device does not answer in this one.
  await host.ip('addr add 10.10.0.20/32 dev tap20');
  expect(await uml.command('ping -c 1 -W 1 10.10.0.20 || true')).toContain('0 packets received');
  expect(child.stderr).toBe('');
});
