/** A switch that lives in this process, through its library, with guests at its sockets. */
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  connectDaemon,
  openSwitch,
  type Switch,
  SwitchError,
  type SwitchErrorDetail,
  type SwitchEvent,
} from '../../../src/lib/switch/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { broadcast, frame, Guest, mac } from './wire.ts';

const ended: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

class Network {
  readonly path = join(temporaryDirectory(), 'ctl');
  readonly events: SwitchEvent[] = [];
  readonly switch: Switch;

  constructor(kind: 'switch' | 'hub' = 'switch') {
    this.switch = openSwitch({
      kind,
      control: this.path,
      onEvent: (event) => void this.events.push(event),
      onFailure: (error) => expect.fail(error.message),
    });
    this.switch.run();
    ended.push(async () => {
      this.switch.removeSockets();
      await this.switch.close();
    });
  }

  /** Guests with ports 5, 6, 7 … if they are the first. */
  async guests(count: number): Promise<Guest[]> {
    const guests: Guest[] = [];
    for (let n = 0; n < count; n++) {
      const guest = await Guest.join(this.path);
      guests.push(guest);
      ended.push(() => guest.leave());
    }
    return guests;
  }

  /** What the switch told of its frames. */
  reports(): string[] {
    return this.events.flatMap((event) => (event.event === 'frames' ? [event.report.report] : []));
  }
}

/** What is broadcast now is the next that these guests get: nothing else was on its way to them. */
async function nothingMore(from: Guest, ...guests: Guest[]): Promise<void> {
  const marker = frame(broadcast, mac(0xee));
  from.send(marker);
  for (const guest of guests) expect(await guest.next()).toEqual(marker);
}

async function three(network: Network): Promise<[Guest, Guest, Guest]> {
  return (await network.guests(3)) as [Guest, Guest, Guest];
}

function refusal(action: () => void): SwitchErrorDetail | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof SwitchError ? error.detail : expect.fail(String(error));
  }
}

describe('ports', () => {
  test('are listed with what they sent and received', async () => {
    const network = new Network();
    const [a, b, c] = await three(network);
    a.send(frame(broadcast, mac(1), 100));
    await Promise.all([b.next(), c.next()]);
    b.send(frame(mac(1), mac(2)));
    await a.next();
    b.send(Buffer.alloc(3));
    await nothingMore(c, a, b);
    network.switch.rename(6, 'second');
    const [first, second] = network.switch.ports();
    expect(first).toMatchObject({
      number: 5,
      kind: 'client',
      state: 'up',
      isStuck: false,
      vlan: { mode: 'transparent' },
    });
    expect(first?.counters).toEqual({ rxFrames: 1, rxBytes: 100, rxDropped: 0, txFrames: 2, txBytes: 120, txLost: 0 });
    expect(second).toMatchObject({ number: 6, name: 'second' });
    expect(second?.counters).toEqual({ rxFrames: 2, rxBytes: 63, rxDropped: 1, txFrames: 2, txBytes: 160, txLost: 0 });
    expect(network.switch.ports().map(({ number }) => number)).toEqual([5, 6, 7]);
  });

  test('count what a guest that does not read has lost, and are stuck then', async () => {
    const network = new Network();
    const [a, b] = await three(network);
    b.send(frame(broadcast, mac(2)));
    await a.next();
    for (let n = 0; n < 40; n++) await a.sendPatiently(frame(mac(2), mac(1)));
    await expect.poll(() => network.switch.ports()[1]).toMatchObject({ isStuck: true });
    await expect
      .poll(() => network.switch.ports()[1]?.counters)
      .toSatisfy((counters) => counters.txLost > 0 && counters.txFrames + counters.txLost === 40);
  });

  test('begin at zero, whoever had the number before', async () => {
    const network = new Network();
    const [a, b] = await three(network);
    a.send(frame(broadcast, mac(1)));
    await b.next();
    network.switch.change({ set: 'state', port: 5, state: 'down' });
    network.switch.detach(5);
    await a.hungUp();
    await expect.poll(() => network.switch.ports().map(({ number }) => number)).toEqual([6, 7]);
    await network.guests(1);
    expect(network.switch.ports()[0]).toMatchObject({ number: 5, state: 'up', counters: { rxFrames: 0, txFrames: 0 } });
  });

  test('can be down', async () => {
    const network = new Network();
    const [a, b, c] = await three(network);
    network.switch.change({ set: 'state', port: 6, state: 'down' });
    b.send(frame(broadcast, mac(2)));
    a.send(frame(broadcast, mac(1)));
    await c.next();
    network.switch.change({ set: 'state', port: 6, state: 'up' });
    await nothingMore(c, a, b);
    expect(network.switch.ports()[1]).toMatchObject({ counters: { rxFrames: 1, rxDropped: 1, txFrames: 1 } });
  });
});

describe('addresses', () => {
  test('are listed, by port, address or VLAN, and forgotten', async () => {
    const network = new Network();
    const [a, b, c] = await three(network);
    network.switch.change({ set: 'vlan', port: 7, vlan: { mode: 'access', vlan: 10 } });
    a.send(frame(broadcast, mac(1)));
    await b.next();
    b.send(frame(mac(1), mac(2)));
    await a.next();
    c.send(frame(broadcast, mac(3)));
    await expect.poll(() => network.switch.addresses({ vlan: 10 })).toHaveLength(1);
    const all = [
      { address: '02:00:00:00:00:01', port: 5, vlan: 0, age: expect.any(Number) },
      { address: '02:00:00:00:00:02', port: 6, vlan: 0, age: expect.any(Number) },
      { address: '02:00:00:00:00:03', port: 7, vlan: 10, age: expect.any(Number) },
    ];
    const sorted = (list: { port: number }[]) => list.sort((x, y) => x.port - y.port);
    expect(sorted(await network.switch.addresses({}))).toEqual(all);
    expect(await network.switch.addresses({ port: 6 })).toEqual([all[1]]);
    expect(await network.switch.addresses({ address: '2-0-0-0-0-3' })).toEqual([all[2]]);
    expect(await network.switch.forget({ port: 5 })).toEqual([all[0]]);
    expect(await network.switch.addresses({ port: 5 })).toEqual([]);
    await expect(network.switch.addresses({ port: 99 })).rejects.toMatchObject({ detail: { code: 'PORT', port: 99 } });
    await expect(network.switch.forget({ address: 'x' })).rejects.toMatchObject({ code: 'ADDRESS' });
  });

  test('100,000 of them', async () => {
    const network = new Network();
    const [a, b] = await three(network);
    b.send(frame(broadcast, mac(0xbb)));
    await a.next();
    for (let n = 0; n < 100_000; n++) {
      const bytes = frame(mac(0xbb), Buffer.from([6, 0, 0, 0, 0, 0]), 20);
      bytes.writeUInt32BE(n, 8);
      await a.sendPatiently(bytes);
      if (n % 8 === 7) for (let each = 0; each < 8; each++) await b.next();
    }
    expect(await network.switch.addresses({ port: 5 })).toHaveLength(100_000);
    network.switch.detach(5);
    await expect.poll(() => network.switch.addresses({})).toHaveLength(1);
  }, 120_000);
});

test('what makes no sense is refused, and changes nothing', async () => {
  const network = new Network();
  await network.guests(2);
  const { change } = network.switch;
  const cases = [
    [() => change({ set: 'state', port: 7, state: 'up' }), { code: 'PORT', port: 7 }],
    [() => change({ set: 'vlan', port: 7, vlan: { mode: 'transparent' } }), { code: 'PORT', port: 7 }],
    [() => change({ set: 'vlan', port: 5, vlan: { mode: 'access', vlan: 0 } }), { code: 'VLAN', vlan: 0 }],
    [() => change({ set: 'vlan', port: 5, vlan: { mode: 'access', vlan: 4095 } }), { code: 'VLAN', vlan: 4095 }],
    [() => change({ set: 'vlan', port: 5, vlan: { mode: 'trunk', vlans: [1, 2.5] } }), { code: 'VLAN', vlan: 2.5 }],
    [
      () => change({ set: 'vlan', port: 5, vlan: { mode: 'trunk', vlans: 'all', native: -1 } }),
      { code: 'VLAN', vlan: -1 },
    ],
    [() => change({ set: 'vlan', port: 5, vlan: { mode: 'trunk', vlans: [] } }), { code: 'TRUNK', port: 5 }],
    [() => change({ set: 'mirror', mirror: { from: 'all', to: 9 } }), { code: 'PORT', port: 9 }],
    [() => change({ set: 'mirror', mirror: { from: [5, 9], to: 6 } }), { code: 'PORT', port: 9 }],
    [() => change({ set: 'mirror', mirror: { from: [5, 6], to: 6 } }), { code: 'MIRROR', port: 6 }],
    [() => change({ set: 'ageing', seconds: -1 }), { code: 'AGEING', seconds: -1 }],
    [() => change({ set: 'ageing', seconds: 1e9 }), { code: 'AGEING', seconds: 1e9 }],
    [() => network.switch.rename(7, 'x'), { code: 'PORT', port: 7 }],
    [() => network.switch.detach(7), { code: 'PORT', port: 7 }],
  ] as const;
  for (const [action, detail] of cases) expect(refusal(action)).toEqual(detail);
  expect(network.switch.settings()).toEqual({ kind: 'switch', ageing: 100, mirror: undefined });
  expect(network.switch.ports().map(({ vlan }) => vlan)).toEqual([{ mode: 'transparent' }, { mode: 'transparent' }]);
});

test('a switch becomes a hub and a switch again', async () => {
  const network = new Network();
  const [a, b, c] = await three(network);
  a.send(frame(broadcast, mac(1)));
  await Promise.all([b.next(), c.next()]);
  network.switch.change({ set: 'kind', kind: 'hub' });
  expect(network.switch.settings().kind).toBe('hub');
  const overheard = frame(mac(1), mac(2));
  b.send(overheard);
  expect(await a.next()).toEqual(overheard);
  expect(await c.next()).toEqual(overheard);
  network.switch.change({ set: 'kind', kind: 'switch' });
  b.send(frame(mac(1), mac(2)));
  await a.next();
  await nothingMore(b, a, c);
});

test('VLANs: access ports, and a trunk between two switches', async () => {
  const [here, there] = [new Network(), new Network()];
  const [a10, a20] = await here.guests(2);
  const [b10, b20] = await there.guests(2);
  const guests = [a10, a20, b10, b20] as [Guest, Guest, Guest, Guest];
  await cable(here, there); // the port 7 of both
  for (const { switch: each } of [here, there]) {
    each.change({ set: 'vlan', port: 5, vlan: { mode: 'access', vlan: 10 } });
    each.change({ set: 'vlan', port: 6, vlan: { mode: 'access', vlan: 20 } });
    each.change({ set: 'vlan', port: 7, vlan: { mode: 'trunk', vlans: 'all' } });
  }
  for (const [from, to] of [
    [guests[0], guests[2]],
    [guests[1], guests[3]],
  ] as const) {
    const hello = frame(broadcast, mac(1)); // both VLANs have the same addresses
    from.send(hello);
    expect(await to.next()).toEqual(hello);
    const reply = frame(mac(1), mac(2));
    to.send(reply);
    expect(await from.next()).toEqual(reply);
  }
  const last = frame(mac(2), mac(1));
  guests[0].send(last);
  expect(await guests[2].next()).toEqual(last);
});

test('a mirror port gets what the others say to each other, and ends with its port', async () => {
  const network = new Network();
  const [a, b, watcher] = await three(network);
  a.send(frame(broadcast, mac(1)));
  await Promise.all([b.next(), watcher.next()]);
  network.switch.change({ set: 'mirror', mirror: { from: [5], to: 7 } });
  for (const [from, to, bytes] of [
    [b, a, frame(mac(1), mac(2))],
    [a, b, frame(mac(2), mac(1))],
    [a, b, frame(broadcast, mac(1))],
  ] as const) {
    from.send(bytes);
    expect(await to.next()).toEqual(bytes);
    expect(await watcher.next()).toEqual(bytes);
  }
  await nothingMore(b, a, watcher);
  network.switch.detach(7);
  expect(network.switch.settings().mirror).toBeUndefined();
});

/** A cable between two switches: a client of both. */
async function cable(one: Network, other: Network): Promise<void> {
  let far: Awaited<ReturnType<typeof connectDaemon>> | undefined;
  const near = await connectDaemon({ path: one.path, onFrame: (bytes) => void far?.send(bytes), onClose() {} });
  far = await connectDaemon({ path: other.path, onFrame: (bytes) => void near.send(bytes), onClose() {} });
  ended.push(() => {
    near.close();
    far?.close();
  });
}

test('two switches that are joined twice: the loop is said, and everybody gets one of each frame', async () => {
  const [here, there] = [new Network(), new Network()];
  const [a, b] = (await here.guests(2)) as [Guest, Guest];
  const [c, d] = (await there.guests(2)) as [Guest, Guest];
  const guests = [a, b, c, d];
  await cable(here, there);
  await cable(here, there);

  const isSaid = () => [here, there].every((each) => each.reports().includes('loop'));
  await vi.waitFor(
    () => {
      for (const [n, from] of guests.entries()) from.send(frame(broadcast, mac(n + 1)));
      expect(isSaid()).toBe(true);
    },
    { timeout: 10_000, interval: 20 },
  );
  // What ran in the circle in the beginning may still come; these frames have another length.
  const LENGTH = 300;
  const next = async (guest: Guest): Promise<Buffer> => {
    for (;;) {
      const bytes = await guest.next();
      if (bytes.length === LENGTH) return bytes;
    }
  };
  for (let round = 0; round < 20; round++) {
    for (const [n, from] of guests.entries()) {
      const hello = frame(broadcast, mac(n + 1), LENGTH);
      from.send(hello);
      for (const to of guests) if (to !== from) expect(await next(to)).toEqual(hello);
      for (const [m, to] of guests.entries()) {
        // both switches know where everybody is when all have spoken since the loop was cut
        if (to === from || round === 0) continue;
        const word = frame(mac(m + 1), mac(n + 1), LENGTH);
        from.send(word);
        expect(await next(to)).toEqual(word);
      }
    }
  }
  for (const each of [here, there]) expect(each.reports().filter((report) => report === 'loop')).toHaveLength(1);
});
