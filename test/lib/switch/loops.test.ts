/** Switches that are joined twice, or in a ring: frames for everybody would run in circles for ever. */
import { describe, expect, test } from 'vitest';
import { Recorder } from './recorder.ts';
import { broadcast, frame, mac } from './wire.ts';

/** A port of a switch of the network. */
type End = readonly [node: number, port: number];
/** More hops than this are a storm. */
const STORM = 5000;

/** Switches with cables between them. Cables are slow or fast as it happens, but keep the order of their frames. */
class Network {
  readonly switches: Recorder[];
  readonly #cables: { ends: readonly [End, End]; queues: [Buffer[], Buffer[]] }[];
  /** Frames that guests got, by `switch/port`. */
  readonly got = new Map<string, Buffer[]>();
  #seed: number;

  constructor(ports: readonly number[][], cables: readonly (readonly [End, End])[], seed: number) {
    this.switches = ports.map((list) => new Recorder(list));
    this.#cables = cables.map((ends) => ({ ends, queues: [[], []] }));
    this.#seed = seed;
  }

  /** A guest sends a frame. How many times frames went over cables until nothing moved any more. */
  send(guest: End, bytes: Buffer): number {
    return this.run([[guest, bytes]]);
  }

  /** A frame that is on its way through a cable. */
  inject(cable: number, bytes: Buffer): void {
    this.#cables[cable]!.queues[0].push(bytes);
  }

  /** What is under way is lost. */
  lose(): void {
    for (const { queues } of this.#cables) for (const queue of queues) queue.length = 0;
  }

  /** The ports at both ends of a cable are gone. */
  unplug(cable: number): void {
    const [{ ends } = expect.fail('no such cable')] = this.#cables.splice(cable, 1);
    for (const [node, port] of ends) this.switches[node]!.forwarder.removePort(port);
  }

  /** Guests send frames, all at once. How many times they went over cables; after `most` what is still under way stays so. */
  run(frames: readonly (readonly [End, Buffer])[], most = STORM): number {
    this.got.clear();
    for (const [[node, port], bytes] of frames) this.#pass(node, port, bytes);
    for (let hops = 0; hops < most; hops++) {
      const full = this.#cables.flatMap(({ ends, queues }) =>
        ([0, 1] as const).flatMap((end) => (queues[end].length > 0 ? [{ to: ends[end], queue: queues[end] }] : [])),
      );
      const next = full[this.#random(full.length)];
      if (!next) return hops;
      this.#pass(...next.to, next.queue.shift()!);
    }
    return most < STORM ? most : expect.fail('a storm');
  }

  wait(seconds: number): void {
    for (const each of this.switches) {
      for (let second = 0; second < seconds; second++) {
        each.seconds++;
        each.forwarder.catchUp();
      }
    }
  }

  copies([node, port]: End): number {
    return this.got.get(`${node}/${port}`)?.length ?? 0;
  }

  #pass(node: number, port: number, bytes: Buffer): void {
    for (const sent of this.switches[node]!.pass(port, bytes)) this.#out([node, sent.port], sent.frame);
  }

  #out([node, port]: End, bytes: Buffer): void {
    for (const { ends, queues } of this.#cables) {
      for (const end of [0, 1] as const) {
        if (ends[end][0] !== node || ends[end][1] !== port) continue;
        queues[1 - end]!.push(bytes);
        return;
      }
    }
    const key = `${node}/${port}`;
    this.got.set(key, [...(this.got.get(key) ?? []), bytes]);
  }

  #random(below: number): number {
    this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * below);
  }
}

const ports = [5, 6, 7, 8];
const TWICE = [
  [
    [0, 5],
    [1, 5],
  ],
  [
    [0, 6],
    [1, 6],
  ],
] as const;
const RING = [
  [
    [0, 5],
    [1, 6],
  ],
  [
    [1, 5],
    [2, 6],
  ],
  [
    [2, 5],
    [0, 6],
  ],
] as const;

describe.each([
  ['two switches, joined twice', [ports, ports], TWICE],
  ['three switches in a ring', [ports, ports, ports], RING],
] as const)('%s', (_, list, cables) => {
  const guests: End[] = list.flatMap((_ports, node) => [[node, 7] as const, [node, 8] as const]);
  const addressOf = (end: End): Buffer => mac(16 * end[0] + end[1]);
  const hello = (end: End): Buffer => frame(broadcast, addressOf(end));
  const make = (seed: number): Network =>
    new Network(
      list.map((each) => [...each]),
      cables,
      seed,
    );

  test.each(Array.from({ length: 20 }, (_each, seed) => seed))(
    'stay usable, whichever cable is faster (%i)',
    (seed) => {
      const network = new Network(
        list.map((each) => [...each]),
        cables,
        seed,
      );
      // The first frames run in circles, but not for long.
      for (const guest of guests) expect(network.send(guest, hello(guest))).toBeLessThan(200);
      for (let round = 0; round < 3; round++) for (const guest of guests) network.send(guest, hello(guest));
      for (let round = 0; round < 3; round++) {
        for (const guest of guests) {
          const hops = network.send(guest, hello(guest));
          expect(hops).toBeLessThan(10);
          for (const other of guests) expect([other, network.copies(other)]).toEqual([other, other === guest ? 0 : 1]);
        }
        for (const from of guests) {
          for (const to of guests) {
            if (from === to) continue;
            network.send(from, frame(addressOf(to), addressOf(from)));
            for (const other of guests) expect([other, network.copies(other)]).toEqual([other, other === to ? 1 : 0]);
          }
        }
        network.wait(1);
      }
      for (const each of network.switches) expect(each.log.length).toBeGreaterThan(0);
    },
  );

  test.each(Array.from({ length: 20 }, (_each, seed) => seed))(
    'once they cut it, they know no address where it only came by in a circle (%i)',
    (seed) => {
      const network = make(seed);
      const areAllTold = (): boolean => network.switches.every(({ log }) => log.some((line) => line.includes('loop')));
      // Frames get lost in the queues of a storm, so that no circle is proof enough before the next guest speaks.
      for (const guest of guests) {
        network.run([[guest, hello(guest)]], 8);
        network.lose();
      }
      const speaker = guests[0]!;
      for (let round = 0; !areAllTold(); round++) {
        if (round === 20) expect.fail('nobody notices the loop');
        network.send(speaker, hello(speaker));
      }
      network.send(speaker, hello(speaker));
      for (const to of guests.slice(1)) {
        network.send(speaker, frame(addressOf(to), addressOf(speaker)));
        // perhaps twice: a switch that has it on a port of its own does not look for what came before
        expect([to, Math.min(network.copies(to), 1)]).toEqual([to, 1]);
      }
    },
  );

  test('a burst goes to everybody once', () => {
    const network = make(3);
    for (const guest of guests) network.send(guest, hello(guest));
    for (let round = 0; round < 3; round++) for (const guest of guests) network.send(guest, hello(guest));
    const burst = guests.flatMap((guest) => Array.from({ length: 20 }, () => [guest, hello(guest)] as const));
    expect(network.run(burst)).toBeLessThan(burst.length * 10);
    for (const other of guests) expect([other, network.copies(other)]).toEqual([other, burst.length - 20]);
  });

  test('nor do frames from a group address run for ever, though nobody has it', () => {
    const network = make(5);
    for (let round = 0; round < 4; round++) for (const guest of guests) network.send(guest, hello(guest));
    expect(network.send(guests[0]!, frame(broadcast, broadcast))).toBeLessThan(10);
  });

  test('what already ran in the circle ends as soon as anybody speaks', () => {
    const network = make(4);
    network.inject(0, hello([0, 9]));
    expect(network.run([], 500)).toBe(500);
    for (let round = 0; round < 4; round++) for (const guest of guests) network.run([[guest, hello(guest)]], 500);
    expect(network.run([])).toBe(0);
  });

  test('that are parted are said to be well again, and guests may move', () => {
    const network = make(7);
    const [guest, other] = [guests[0]!, guests[2]!];
    for (let round = 0; round < 4; round++) for (const each of guests) network.send(each, hello(each));
    for (const { log } of network.switches) expect(log).toEqual([expect.stringMatching(/^a loop from \d to \d$/)]);
    network.unplug(0);
    network.wait(40);
    for (const { log } of network.switches) expect(log.slice(1)).toEqual(['no loop']);
    network.send(other, hello(guest));
    network.send(guests[1]!, frame(addressOf(guest), addressOf(guests[1]!)));
    expect(network.copies(other)).toBe(1);
  });
});

describe('two guests with the same address', () => {
  const talk = (network: Recorder): void => {
    for (let n = 0; n < 30; n++) network.pass(5 + (n % 2), frame(mac(7), mac(1)));
  };

  test('the first keeps it, which is said once; what the other sends still arrives where it is meant for', () => {
    const network = new Recorder([5, 6, 7]);
    network.pass(7, frame(broadcast, mac(7)));
    for (; network.seconds < 60; network.seconds++) talk(network);
    expect(network.log).toEqual(['1 flaps between 5 and 6']);
    expect(network.pass(7, frame(mac(1), mac(7))).map(({ port }) => port)).toEqual([5]);
    expect(network.pass(6, frame(mac(7), mac(1))).map(({ port }) => port)).toEqual([7]);
    expect(network.pass(6, frame(broadcast, mac(1)))).toEqual([]);
    expect(network.counters.read(6).counters.rxDropped).toBe(1);
  });

  test('the end is said half a minute after the last', () => {
    const network = new Recorder([5, 6, 7]);
    talk(network);
    for (; network.seconds < 60; network.seconds++) network.forwarder.catchUp();
    expect(network.log).toEqual(['1 flaps between 5 and 6', '1 is on 5']);
    expect(network.forwarder.pending).toBe(false);
  });
});

test('a guest that says the same from one port and then from another moves, as in the C switch', () => {
  const network = new Recorder([5, 6, 7]);
  const same = frame(broadcast, mac(1));
  expect(network.pass(5, same).map(({ port }) => port)).toEqual([6, 7]);
  expect(network.pass(6, same).map(({ port }) => port)).toEqual([5, 7]);
  expect(network.pass(7, frame(mac(1), mac(2))).map(({ port }) => port)).toEqual([6]);
  expect(network.log).toEqual([]);
});

test('the same frame a thousand times over is no loop', () => {
  const network = new Recorder([5, 6, 7]);
  const same = frame(broadcast, mac(1));
  for (let n = 0; n < 1000; n++) expect(network.pass(5, same)).toHaveLength(2);
  expect(network.log).toEqual([]);
});
