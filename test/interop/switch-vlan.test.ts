/** VLANs with a switch that is not ours: vde_switch at the other end of a trunk. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PortVlan } from '../../src/lib/switch/index.ts';
import { Embedded } from '../lib/switch/embedded.ts';
import { broadcast, frame, Guest, mac, requestV3 } from '../lib/switch/wire.ts';
import { type Child, temporaryDirectory } from '../support/run.ts';
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
