import { constants } from 'node:os';
import {
  anyAddress,
  bind,
  connect,
  type InetAddress,
  inetAddress,
  interfaceIndex,
  ipVersion,
  isMulticast,
  joinGroup,
  neverFragment,
  OsError,
  scopeOf,
  setMulticast,
  setReceiveBuffer,
  shareAddress,
  socketAddress,
  udpSocket,
} from '../../os/index.ts';
import type { OwnLinkSpec } from '../links/index.ts';
import type { Attachment, Endpoint } from '../ports.ts';

/** A trunk carries the bursts of a whole switch. In bytes; without CAP_NET_ADMIN the kernel grants 0.4 MiB. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

/** A group of VXLAN is that of one link, unless routers are told otherwise; as the Linux kernel has it. */
const GROUP_TTL = 1;

type Spec<K extends Attachment['kind']> = Extract<Attachment, { kind: K }>;

/** Plain Ethernet in UDP, from one address to another. Frames that one packet can't hold go in pieces, as IP does it. */
export function openUdp({ local, remote }: Spec<'udp'>, fds: number[]): OwnLinkSpec {
  const to = addressOf(remote);
  const fd = boundSocket(addressOf(local), to, fds);
  return { kind: 'inet', port: 'udp', fd, sendFd: fd, to, from: { take: 'endpoint', address: to } };
}

/**
 * The `mcast` transport of UML (drivers/umcast_user.c): the receiving socket has the group's address, as all the others
 * on this host have. They all send from the group's port; a port of our own tells our datagrams when they come back.
 */
export function openMulticast(spec: Spec<'mcast'>, fds: number[]): OwnLinkSpec {
  const group = addressOf(spec.group);
  if (!isMulticast(group)) throw new OsError('setsockopt', constants.errno.EINVAL);
  const version = ipVersion(group);
  const index = spec.interface === undefined ? 0 : interfaceIndex(spec.interface);

  const fd = udpSocket(version);
  fds.push(fd);
  shareAddress(fd);
  setReceiveBuffer(fd, RECEIVE_BUFFER);
  bind(fd, group);
  joinGroup(fd, group, index);

  const sendFd = udpSocket(version);
  fds.push(sendFd);
  setMulticast(sendFd, version, { via: index, ttl: spec.ttl, loop: 'on' });
  connect(sendFd, group);
  const own = socketAddress(sendFd);
  return { kind: 'inet', port: 'mcast', fd, sendFd, to: undefined, from: { take: 'others', address: own } };
}

/**
 * VXLAN (RFC 7348) with one peer, or with all who joined a group. Peers send from whatever port they like (section 5),
 * so they are told by their host alone; with a group, by nothing. Its packets are never sent in pieces (section 4.3).
 */
export function openVxlan({ vni, local, remote }: Spec<'vxlan'>, fds: number[]): OwnLinkSpec {
  const to = addressOf(remote);
  const own = addressOf(local);
  const group = isMulticast(to);
  // A socket with an address of the host would not get what is sent to the group: there it names the interface.
  const fd = boundSocket(group ? anyAddress(own) : own, to, fds);
  neverFragment(fd, ipVersion(to));
  if (group) {
    const via = ipVersion(to) === 4 ? own : scopeOf(to);
    joinGroup(fd, to, via);
    setMulticast(fd, ipVersion(to), { via, ttl: GROUP_TTL, loop: 'off' });
  }
  const from = group ? ({ take: 'all' } as const) : ({ take: 'host', address: to } as const);
  return { kind: 'inet', port: 'vxlan', fd, sendFd: fd, to, from, vxlan: { vni, peers: group ? 'group' : 'one' } };
}

function addressOf({ address, port }: Endpoint): InetAddress {
  return inetAddress(address, port);
}

function boundSocket(local: InetAddress, remote: InetAddress, fds: number[]): number {
  const version = ipVersion(local);
  if (ipVersion(remote) !== version) throw new OsError('connect', constants.errno.EAFNOSUPPORT);
  const fd = udpSocket(version);
  fds.push(fd);
  setReceiveBuffer(fd, RECEIVE_BUFFER);
  bind(fd, local);
  return fd;
}
