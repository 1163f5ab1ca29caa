/** As many ports as UML hosts have had on one switch, and more. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { closeFd, connect, pathAddress, send, unixSocket } from '../../src/lib/os/index.ts';
import { broadcast, frame, Guest, nextDatagram } from '../lib/switch/wire.ts';
import { type Child, spawnTool, temporaryDirectory } from '../support/run.ts';

const TIMEOUT = 120_000;

/** Address 02:00:00:01:xx:xx. */
const address = (n: number): Buffer => Buffer.from([2, 0, 0, 1, n >> 8, n & 0xff]);

interface Station {
  send(frame: Buffer): Promise<void> | void;
  next(): Promise<Buffer>;
}

/** Says hello to the first station alone, each in turn, so that the switch learns where all are. */
async function introduce(stations: readonly Station[]): Promise<void> {
  const [first, ...others] = stations as [Station, ...Station[]];
  await first.send(frame(broadcast, address(0)));
  for (const station of others) await station.next();
  for (const [index, station] of others.entries()) {
    const hello = frame(address(0), address(index + 1));
    await station.send(hello);
    expect(await first.next()).toEqual(hello);
  }
}

/** Each sends to the one after it: what a station gets next is that one frame, so nothing else came to it. */
async function exchange(stations: readonly Station[]): Promise<void> {
  for (const round of [1, 7]) {
    const sent = stations.map((_, index) => frame(address((index + round) % stations.length), address(index)));
    for (const [index, station] of stations.entries()) await station.send(sent[index]!);
    for (const [index, station] of stations.entries()) {
      expect(await station.next()).toEqual(sent[(index + stations.length - round) % stations.length]);
    }
  }
}

async function startSwitch(...args: string[]): Promise<{ child: Child; path: string }> {
  const path = join(temporaryDirectory(), 'ctl');
  const child = spawnTool('uml_switch', ['-unix', path, ...args]);
  await child.waitFor(/attached to unix socket/);
  return { child, path };
}

test(
  'a thousand guests join, are learned, and each reaches the one that it means',
  async () => {
    const { child, path } = await startSwitch();
    const guests: Guest[] = [];
    for (let n = 0; n < 1000; n++) guests.push(await Guest.join(path));
    const stations = guests.map((guest) => ({
      send: (bytes: Buffer) => guest.sendPatiently(bytes),
      next: () => guest.next(),
    }));
    await introduce(stations);
    await exchange(stations);
    for (const guest of guests.splice(0, 500)) guest.leave();
    for (let n = 0; n < 500; n++) await child.waitFor('Disconnect\n');
    const [a, b] = guests as [Guest, Guest];
    const unicast = frame(address(501), address(500));
    await a.sendPatiently(unicast);
    expect(await b.next()).toEqual(unicast);
    for (const guest of guests) guest.leave();
    expect((await child.kill()).stderr).toBe('');
  },
  TIMEOUT,
);

test(
  'two hundred links of their own beside clients: all are served, and none waits for another',
  async () => {
    const bess = join(temporaryDirectory(), 'bess');
    const { child, path } = await startSwitch('--bess', bess);
    const descriptors: number[] = [];
    for (let n = 0; n < 200; n++) {
      const fd = unixSocket('seqpacket');
      connect(fd, pathAddress(bess));
      descriptors.push(fd);
      await child.waitFor('New connection\n');
    }
    const guest = await Guest.join(path);
    const stations: Station[] = descriptors.map((fd) => ({
      send: (bytes) => void send(fd, bytes),
      next: () => nextDatagram(fd),
    }));
    stations.push({ send: (bytes) => guest.sendPatiently(bytes), next: () => guest.next() });
    await introduce(stations);
    await exchange(stations);
    for (const fd of descriptors) closeFd(fd);
    for (let n = 0; n < 200; n++) await child.waitFor('Disconnect\n');
    guest.leave();
    expect((await child.kill()).stderr).toBe('');
  },
  TIMEOUT,
);
