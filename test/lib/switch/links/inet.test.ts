/** Trunks over UDP, on the loopback interface: one peer, a multicast group, VXLAN. */
import { constants } from 'node:os';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  bind,
  closeFd,
  inetAddress,
  interfaceIndex,
  joinGroup,
  sendTo,
  setMulticast,
  setReceiveBuffer,
  shareAddress,
  socketAddress,
  udpSocket,
} from '../../../../src/lib/os/index.ts';
import type { SwitchError } from '../../../../src/lib/switch/index.ts';
import { Embedded } from '../embedded.ts';
import { broadcast, frame, Guest, mac, nextDatagram } from '../wire.ts';

/** A UDP socket on the loopback interface, with a port of its own. */
function peer(address = '127.0.0.1'): { fd: number; address: string; port: number } {
  const fd = udpSocket(address.includes(':') ? 6 : 4);
  bind(fd, inetAddress(address, 0));
  setReceiveBuffer(fd, 1 << 20);
  onTestFinished(() => closeFd(fd));
  return { fd, address, port: Buffer.from(socketAddress(fd)).readUInt16BE(2) };
}

const given = new Set<number>();

/** A port that nobody has at the moment, each time another one. */
function freePort(address = '127.0.0.1'): { address: string; port: number } {
  for (;;) {
    const fd = udpSocket(address.includes(':') ? 6 : 4);
    bind(fd, inetAddress(address, 0));
    const port = Buffer.from(socketAddress(fd)).readUInt16BE(2);
    closeFd(fd);
    if (given.has(port)) continue;
    given.add(port);
    return { address, port };
  }
}

/** Waits until so many addresses were learned on a port. All of them, in their order. */
function learnedOn(subject: Embedded, port: number, count: number): Promise<string[]> {
  return subject.waitFor((events) => {
    const learned = events.flatMap((event) =>
      event.event === 'frames' && event.report.report === 'learned' && event.report.port === port
        ? event.report.address
        : [],
    );
    return learned.length >= count ? learned : undefined;
  });
}

async function guestOf(subject: Embedded): Promise<Guest> {
  const guest = await Guest.join(subject.control);
  onTestFinished(() => guest.leave());
  return guest;
}

test.each(['127.0.0.1', '::1'])('two switches are one Ethernet by way of UDP on %s', async (address) => {
  const [one, two] = [new Embedded(), new Embedded()];
  const [here, there] = [freePort(address), freePort(address)];
  const port = await one.attach({ kind: 'udp', local: here, remote: there });
  await two.attach({ kind: 'udp', local: there, remote: here });
  const [a, b, c] = [await guestOf(one), await guestOf(one), await guestOf(two)];
  const hello = frame(broadcast, mac(1));
  a.send(hello);
  expect(await b.next()).toEqual(hello);
  expect(await c.next()).toEqual(hello);
  const answer = frame(mac(1), mac(3), 1514);
  c.send(answer);
  expect(await a.next()).toEqual(answer);
  const big = frame(mac(3), mac(1), 65_507);
  a.send(big);
  expect(await c.next()).toEqual(big);
  const last = frame(broadcast, mac(3));
  c.send(last);
  expect(await b.next()).toEqual(last); // the answer was not for it
  expect(one.port(port)).toMatchObject({
    kind: 'udp',
    counters: { rxFrames: 2, txFrames: 2, rxDropped: 0, txLost: 0 },
  });
});

test('only the configured peer is listened to, and no datagram that is no frame', async () => {
  const subject = new Embedded();
  const [friend, stranger] = [peer(), peer()];
  const local = freePort();
  const port = await subject.attach({ kind: 'udp', local, remote: friend });
  const guest = await guestOf(subject);
  const to = inetAddress(local.address, local.port);
  sendTo(stranger.fd, frame(broadcast, mac(9)), to);
  sendTo(friend.fd, new Uint8Array(0), to);
  sendTo(friend.fd, Buffer.alloc(13), to);
  const good = frame(broadcast, mac(1));
  sendTo(friend.fd, good, to);
  expect(await guest.next()).toEqual(good);
  expect(subject.port(port).counters).toMatchObject({ rxFrames: 4, rxDropped: 3 });
});

test('a peer that is not there costs its frames; it is heard when it comes', async () => {
  const subject = new Embedded();
  const [local, remote] = [freePort(), freePort()];
  await subject.attach({ kind: 'udp', local, remote });
  const [a, b] = [await guestOf(subject), await guestOf(subject)];
  for (let n = 0; n < 20; n++) {
    const sent = frame(broadcast, mac(1));
    a.send(sent);
    expect(await b.next()).toEqual(sent); // the kernel of the loopback interface refuses at once
  }
  const fd = udpSocket(4);
  onTestFinished(() => closeFd(fd));
  bind(fd, inetAddress(remote.address, remote.port));
  const hello = frame(broadcast, mac(1));
  a.send(hello);
  while (!(await nextDatagram(fd)).equals(hello)); // the last of those before may only just have been sent
  const answer = frame(mac(1), mac(9));
  sendTo(fd, answer, inetAddress(local.address, local.port));
  expect(await a.next()).toEqual(answer);
});

test('a frame that no datagram can hold is lost and counted', async () => {
  const subject = new Embedded();
  const port = await subject.attach({ kind: 'udp', local: freePort(), remote: peer() });
  const guest = await guestOf(subject);
  guest.send(frame(broadcast, mac(1), 65_508));
  const { counters } = await subject.counted(port, (each) => each.counters.txLost > 0);
  expect(counters).toMatchObject({ txFrames: 0, txBytes: 0, txLost: 1 });
  const told = await subject.waitFor((events) =>
    events.find((each) => each.event === 'frames' && each.report.report === 'lost'),
  );
  expect(told).toMatchObject({ report: { port, link: 'udp', errno: constants.errno.EMSGSIZE, frames: 1 } });
});

test.each([
  [
    'an address that is in use',
    (fd: { address: string; port: number }) => ({ local: fd, remote: fd }),
    'bind',
    'EADDRINUSE',
  ],
  [
    'two families',
    (fd: { address: string; port: number }) => ({ local: fd, remote: { address: '::1', port: 1 } }),
    'connect',
    'EAFNOSUPPORT',
  ],
] as const)('a trunk with %s is refused', async (_, addresses, call, errno) => {
  const subject = new Embedded();
  const attachment = { kind: 'udp' as const, ...addresses(peer()) };
  const error = (await subject.attach(attachment).catch((reason: unknown) => reason)) as SwitchError;
  expect(error.detail).toMatchObject({ code: 'ATTACH', call, errno: constants.errno[errno] });
});

test('what is no multicast group can not be joined', async () => {
  const subject = new Embedded();
  const attachment = { kind: 'mcast' as const, group: { address: '127.0.0.1', port: 1102 }, ttl: 0 };
  const error = (await subject.attach(attachment).catch((reason: unknown) => reason)) as SwitchError;
  expect(error.detail).toMatchObject({ code: 'ATTACH', errno: constants.errno.EINVAL });
});

/** All who joined a group on the loopback interface, as UML's mcast transport does it: from the group's own port. */
function member(group: { address: string; port: number }): { fd: number; shout: (bytes: Uint8Array) => void } {
  const address = inetAddress(group.address, group.port);
  const fd = udpSocket(4);
  onTestFinished(() => closeFd(fd));
  shareAddress(fd);
  bind(fd, address);
  joinGroup(fd, address, interfaceIndex('lo'));
  setMulticast(fd, 4, { via: interfaceIndex('lo'), ttl: 0, loop: 'on' });
  return { fd, shout: (bytes) => sendTo(fd, bytes, address) };
}

test('all who joined a multicast group are one Ethernet, and nothing comes back', async () => {
  const group = { address: '239.192.77.1', port: freePort().port };
  const attachment = { kind: 'mcast' as const, group, ttl: 0, interface: 'lo' };
  const [one, two] = [new Embedded(), new Embedded()];
  const port = await one.attach(attachment);
  await two.attach(attachment);
  const uml = member(group);
  const [a, b, c] = [await guestOf(one), await guestOf(one), await guestOf(two)];
  const hello = frame(broadcast, mac(1));
  a.send(hello);
  for (const each of [b.next(), c.next(), nextDatagram(uml.fd)]) expect(await each).toEqual(hello);
  const answer = frame(mac(1), mac(9), 1514);
  uml.shout(answer);
  expect(await a.next()).toEqual(answer);
  expect(await nextDatagram(uml.fd)).toEqual(answer); // UML's own come back to it
  const last = frame(broadcast, mac(3));
  c.send(last);
  expect(await a.next()).toEqual(last);
  expect(await b.next()).toEqual(last);
  // The first frame came back to its switch, and went no further: its sender is where it was.
  expect(one.port(port).counters).toMatchObject({ rxFrames: 3, rxDropped: 1 });
  expect(await learnedOn(one, port, 2)).toEqual(['02:00:00:00:00:09', '02:00:00:00:00:03']);
});

const VNI = 0x123456;
const vxlan = (bytes: Buffer, header = '0800000012345600') => Buffer.concat([Buffer.from(header, 'hex'), bytes]);

test('VXLAN: a header before each frame, by which they are told apart; the peer may send from any port', async () => {
  const subject = new Embedded();
  const remote = peer('127.0.0.2');
  const local = freePort();
  const port = await subject.attach({ kind: 'vxlan', vni: VNI, local, remote });
  const [a, b] = [await guestOf(subject), await guestOf(subject)];
  const hello = frame(broadcast, mac(1));
  a.send(hello);
  expect(await b.next()).toEqual(hello);
  expect(await nextDatagram(remote.fd)).toEqual(vxlan(hello));

  const to = inetAddress(local.address, local.port);
  const other = udpSocket(4);
  onTestFinished(() => closeFd(other));
  bind(other, inetAddress(remote.address, 0));
  const rejected = [
    frame(broadcast, mac(9)).subarray(0, 7),
    vxlan(frame(broadcast, mac(9)), '0000000012345600'), // no number
    vxlan(frame(broadcast, mac(9)), '0800000012345700'), // another's
    vxlan(frame(broadcast, mac(9)).subarray(0, 13)),
    vxlan(Buffer.alloc(0)),
  ];
  for (const datagram of rejected) sendTo(other, datagram, to);
  const stranger = peer('127.0.0.3');
  sendTo(stranger.fd, vxlan(frame(broadcast, mac(9))), to);
  const answer = frame(mac(1), mac(9), 1450);
  sendTo(other, vxlan(answer, 'ffaabbcc123456dd'), to); // reserved bits mean nothing
  expect(await a.next()).toEqual(answer);
  expect(subject.port(port)).toMatchObject({
    kind: 'vxlan',
    name: `vxlan ${VNI} 127.0.0.2:${remote.port}`,
    counters: { rxFrames: 7, rxDropped: 6, txFrames: 1, txBytes: 60 },
  });
  expect(await learnedOn(subject, port, 1)).toEqual(['02:00:00:00:00:09']);
});

describe('a VXLAN group', () => {
  const group = { address: '239.192.77.3', port: 0 };
  let subject: Embedded;
  let guest: Guest;
  let toSwitch: Uint8Array;
  /** What the whole group gets. */
  let everybody: { fd: number };

  /** One of its endpoints. */
  function endpoint(address: string): { fd: number; send: (bytes: Buffer) => void } {
    const fd = udpSocket(4);
    onTestFinished(() => closeFd(fd));
    bind(fd, inetAddress(address, group.port));
    return { fd, send: (bytes) => sendTo(fd, vxlan(bytes), toSwitch) };
  }

  beforeEach(async () => {
    group.port = freePort().port;
    subject = new Embedded();
    everybody = member(group);
    const local = { address: '127.0.0.1', port: freePort().port };
    await subject.attach({ kind: 'vxlan', vni: VNI, local, remote: group });
    toSwitch = inetAddress(local.address, local.port);
    guest = await guestOf(subject);
  });

  async function sendsTo(fd: number, to: Buffer): Promise<void> {
    const sent = frame(to, mac(1));
    guest.send(sent);
    expect(await nextDatagram(fd)).toEqual(vxlan(sent));
  }

  async function hears(from: { send: (bytes: Buffer) => void }, source: Buffer): Promise<void> {
    const said = frame(mac(1), source);
    from.send(said);
    expect(await guest.next()).toEqual(said);
  }

  test('learns which endpoint an address is behind, and sends to it alone', async () => {
    const [two, three] = [endpoint('127.0.0.2'), endpoint('127.0.0.3')];
    await sendsTo(everybody.fd, broadcast);
    await sendsTo(everybody.fd, mac(2)); // nobody knows it
    await hears(two, mac(2));
    await hears(three, mac(3));
    await sendsTo(two.fd, mac(2));
    await sendsTo(three.fd, mac(3));
    await sendsTo(everybody.fd, broadcast); // what comes first: the others were not for the group
    await hears(three, mac(2)); // it has moved
    await sendsTo(three.fd, mac(2));
    await sendsTo(everybody.fd, broadcast);
  });

  test('forgets it with the addresses of the switch: when told to, and when it is silent', async () => {
    const two = endpoint('127.0.0.2');
    await hears(two, mac(2));
    await sendsTo(two.fd, mac(2));
    await subject.network.forget({});
    await sendsTo(everybody.fd, mac(2));
    await hears(two, mac(2));
    await sendsTo(two.fd, mac(2));
    subject.network.change({ set: 'ageing', seconds: 1 });
    const heard = nextDatagram(everybody.fd);
    const asking = setInterval(() => guest.send(frame(mac(2), mac(1))), 50);
    onTestFinished(() => clearInterval(asking));
    expect((await heard).subarray(8, 14)).toEqual(mac(2));
  });

  test('and nothing of a port that is gone is known to the next one of its number', async () => {
    const two = endpoint('127.0.0.2');
    await hears(two, mac(2));
    const port = subject.network.ports().find(({ kind }) => kind === 'vxlan')!.number;
    subject.network.detach(port);
    await subject.network.addresses({}); // it is gone when the answer comes
    expect(await subject.attach({ kind: 'vxlan', vni: VNI, local: freePort(), remote: group })).toBe(port);
    await sendsTo(everybody.fd, mac(2));
  });
});
