/** Ports with a connected socket: BESS in both directions, inherited descriptors. */
import { existsSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  accept,
  bind,
  closeFd,
  connect,
  listen,
  pathAddress,
  receive,
  send,
  unixSocket,
  unixSocketPair,
} from '../../../../src/lib/os/index.ts';
import { openSwitch, SwitchError } from '../../../../src/lib/switch/index.ts';
import { root, spawnProgram, temporaryDirectory } from '../../../support/run.ts';
import { Embedded } from '../embedded.ts';
import { broadcast, frame, Guest, mac, nextDatagram } from '../wire.ts';

const tsx = import.meta.resolve('tsx');
const flood = join(root, 'test/lib/switch/links/flood-process.ts');

const path = (name: string) => join(temporaryDirectory(), name);

/** A BESS client, as UML's vector driver is one: it connects, and that is all. */
function bessClient(at: string, bindTo?: string): number {
  const fd = unixSocket('seqpacket');
  if (bindTo !== undefined) bind(fd, pathAddress(bindTo));
  connect(fd, pathAddress(at));
  onTestFinished(() => close(fd));
  return fd;
}

const closed = new Set<number>();
function close(fd: number): void {
  if (closed.has(fd)) return;
  closed.add(fd);
  closeFd(fd);
}

async function withClients(count: number): Promise<{ subject: Embedded; clients: number[]; bess: string }> {
  closed.clear();
  const bess = path('bess');
  const subject = new Embedded({ bess: [bess] });
  const clients: number[] = [];
  for (let n = 1; n <= count; n++) {
    clients.push(bessClient(bess));
    await subject.connected(n);
  }
  return { subject, clients, bess };
}

test('BESS clients and a daemon client are one Ethernet', async () => {
  const { subject, clients } = await withClients(2);
  const [a, b] = clients as [number, number];
  const guest = await Guest.join(subject.control);
  onTestFinished(() => guest.leave());
  const hello = frame(broadcast, mac(1));
  send(a, hello);
  expect(await nextDatagram(b)).toEqual(hello);
  expect(await guest.next()).toEqual(hello);
  const answer = frame(mac(1), mac(3), 1514);
  guest.send(answer);
  expect(await nextDatagram(a)).toEqual(answer);
  const big = frame(mac(3), mac(1), 65_535);
  send(a, big);
  expect(await guest.next()).toEqual(big);
  const direct = frame(mac(1), mac(2));
  send(b, direct);
  expect(await nextDatagram(a)).toEqual(direct);
  const last = frame(broadcast, mac(1));
  send(a, last);
  expect(await nextDatagram(b)).toEqual(last); // and none of the frames that were for one
  expect(await guest.next()).toEqual(last);
  expect(subject.port(5)).toMatchObject({
    kind: 'bess',
    name: `pid ${process.pid}`,
    counters: { rxFrames: 3, rxBytes: 60 + 65_535 + 60, rxDropped: 0, txFrames: 2, txBytes: 1514 + 60, txLost: 0 },
  });
});

test('the port of a client that is bound has its path as its name', async () => {
  const bess = path('bess');
  const subject = new Embedded({ bess: [bess] });
  const own = path('client');
  bessClient(bess, own);
  await subject.connected(1);
  expect(subject.port(5).name).toBe(own);
});

test('a client that leaves takes its port with it, and the next one gets the number', async () => {
  const { subject, clients, bess } = await withClients(3);
  const [a, b, c] = clients as [number, number, number];
  send(a, frame(broadcast, mac(1)));
  await nextDatagram(b);
  await nextDatagram(c);
  close(a);
  expect(await subject.ended(5)).toBe('closed');
  const lost = frame(mac(1), mac(2));
  send(b, lost); // its address is forgotten
  expect(await nextDatagram(c)).toEqual(lost);
  const next = bessClient(bess);
  expect(await subject.connected(4)).toEqual([5, 6, 7, 5]);
  const hello = frame(broadcast, mac(2));
  send(b, hello);
  expect(await nextDatagram(next)).toEqual(hello);
});

test('a socket that nobody serves any more is taken over, one that is served is not', async () => {
  const bess = path('bess');
  const dead = unixSocket('seqpacket');
  bind(dead, pathAddress(bess));
  listen(dead, 1);
  closeFd(dead);
  const subject = new Embedded({ bess: [bess] });
  closed.clear();
  bessClient(bess);
  await subject.connected(1);
  const control = path('ctl');
  const another = { kind: 'switch' as const, control, bess: [bess], onEvent: () => {}, onFailure: () => {} };
  expect(() => openSwitch(another)).toThrow(
    expect.objectContaining({
      detail: { code: 'LISTEN', kind: 'bess', trouble: { path: bess, reason: 'in-use', steps: [] } },
    }),
  );
  expect(existsSync(control)).toBe(false);
});

test('runts are dropped and counted', async () => {
  const { subject, clients } = await withClients(2);
  const [a, b] = clients as [number, number];
  send(a, Buffer.alloc(1));
  send(a, frame(broadcast, mac(1)).subarray(0, 13));
  const shortest = frame(broadcast, mac(1)).subarray(0, 14);
  send(a, shortest);
  expect(await nextDatagram(b)).toEqual(shortest);
  expect(subject.port(5).counters).toMatchObject({ rxFrames: 3, rxDropped: 2 });
});

test('a client that does not read is stuck; it delays nobody and costs nobody a frame', async () => {
  const { subject, clients } = await withClients(3);
  const [a, idle, c] = clients as [number, number, number];
  for (let n = 0; n < 1000; n++) {
    const sent = frame(broadcast, mac(1), 1514);
    send(a, sent);
    expect(await nextDatagram(c)).toEqual(sent);
  }
  await subject.counted(6, ({ isStuck }) => isStuck);
  let taken = 0;
  await subject.counted(6, ({ counters }) => {
    while (receive(idle, Buffer.alloc(2000))) taken++;
    return counters.txFrames === taken && counters.txFrames + counters.txLost === 1000;
  });
  expect(taken).toBeLessThan(1000);
  const last = frame(broadcast, mac(1));
  send(a, last);
  expect(await nextDatagram(idle)).toEqual(last);
  await subject.counted(6, ({ isStuck }) => !isStuck);
});

test('clients that are killed while they send leave the others alone', async () => {
  const { subject, clients, bess } = await withClients(2);
  const [a, b] = clients as [number, number];
  send(a, frame(broadcast, mac(10))); // what is flooded is for a
  await nextDatagram(b);
  const mark = frame(mac(10), mac(2));
  let flooded = 0;
  const marked = (async () => {
    while (!(await nextDatagram(a)).equals(mark)) flooded++;
  })();
  for (let round = 0; round < 3; round++) {
    const child = spawnProgram(process.execPath, ['--import', tsx, flood, bess]);
    await child.waitFor('sending');
    const enough = flooded + 50;
    while (flooded < enough) await new Promise((resolve) => setTimeout(resolve, 5));
    await child.kill('SIGKILL');
    await subject.waitFor((events) =>
      events.filter((each) => each.event === 'frames' && each.report.report === 'ended').length > round
        ? true
        : undefined,
    );
  }
  send(b, mark);
  await marked;
  expect(subject.network.ports().map(({ number }) => number)).toEqual([5, 6]);
});

test('a BESS helper that listens is connected to; when it closes, its port goes', async () => {
  closed.clear();
  const at = path('helper');
  const listener = unixSocket('seqpacket');
  bind(listener, pathAddress(at));
  listen(listener, 1);
  onTestFinished(() => closeFd(listener));
  const { subject, clients } = await withClients(1);
  const port = await subject.attach({ kind: 'bess', path: at });
  const helper = accept(listener)!;
  expect(subject.port(port)).toMatchObject({ kind: 'bess', name: at });
  const hello = frame(broadcast, mac(1));
  send(clients[0]!, hello);
  expect(await nextDatagram(helper)).toEqual(hello);
  const answer = frame(mac(1), mac(2));
  send(helper, answer);
  expect(await nextDatagram(clients[0]!)).toEqual(answer);
  closeFd(helper);
  expect(await subject.ended(port)).toBe('closed');
});

test('a BESS helper that is not there is said so', async () => {
  const subject = new Embedded();
  const attachment = { kind: 'bess' as const, path: path('nobody') };
  const error = await subject.attach(attachment).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SwitchError);
  expect((error as SwitchError).detail).toEqual({
    code: 'ATTACH',
    attachment,
    call: 'connect',
    errno: constants.errno.ENOENT,
  });
  expect(subject.network.ports()).toEqual([]);
});

test.each(['seqpacket', 'dgram'] as const)('an inherited %s socket is a port', async (type) => {
  const { subject, clients } = await withClients(2);
  const [inherited, other] = unixSocketPair(type);
  const port = await subject.attach({ kind: 'fd', fd: inherited });
  expect(subject.port(port)).toMatchObject({ kind: 'fd', name: `fd ${inherited}` });
  const hello = frame(broadcast, mac(1));
  send(other, hello);
  for (const client of clients) expect(await nextDatagram(client)).toEqual(hello);
  const answer = frame(mac(1), mac(2), 9000);
  send(clients[0]!, answer);
  expect(await nextDatagram(other)).toEqual(answer);
  if (type === 'dgram') {
    send(other, new Uint8Array(0)); // no end, but a runt
    await subject.counted(port, ({ counters }) => counters.rxDropped === 1);
  }
  closeFd(other);
  if (type === 'dgram') {
    // The kernel tells only those who send that nobody is there: first that they are refused, then that there is no peer.
    for (let n = 0; n < 2; n++) {
      const sent = frame(broadcast, mac(2));
      send(clients[0]!, sent);
      expect(await nextDatagram(clients[1]!)).toEqual(sent);
    }
  }
  expect(await subject.ended(port)).toBe('closed');
});

test('descriptors that are no ports are refused, each with its reason', async () => {
  const subject = new Embedded();
  const refusal = async (fd: number) => {
    const error = await subject.attach({ kind: 'fd', fd }).catch((reason: unknown) => reason);
    return (error as SwitchError).detail;
  };
  const [stream, streamPeer] = unixSocketPair('stream');
  const lonely = unixSocket('dgram');
  const listener = unixSocket('seqpacket');
  const file = openSync('/dev/null', 'r');
  expect(await refusal(stream)).toEqual({ code: 'DESCRIPTOR', fd: stream, reason: 'stream' });
  expect(await refusal(lonely)).toEqual({ code: 'DESCRIPTOR', fd: lonely, reason: 'unconnected' });
  expect(await refusal(listener)).toEqual({ code: 'DESCRIPTOR', fd: listener, reason: 'unconnected' });
  expect(await refusal(999)).toEqual({ code: 'DESCRIPTOR', fd: 999, reason: 'closed' });
  expect(await refusal(file)).toEqual({ code: 'DESCRIPTOR', fd: file, reason: 'other' });
  for (const fd of [stream, streamPeer, lonely, listener, file]) closeFd(fd);
});
