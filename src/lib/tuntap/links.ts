import { constants } from 'node:os';
import { askNetlink, errnoOf, hasCode, type NetlinkMessage, OsError } from '../os/index.ts';
import { TuntapError } from './error.ts';
import { getLinkRequest, type Link, parseLink, setCarrierRequest } from './link.ts';
import { holders } from './processes.ts';

const { ENODEV, EPERM } = constants.errno;
/** How often a list is asked for again because a device came or went while the kernel told of them. */
const MOST_TRIES = 10;

export interface Device extends Link {
  /** Whether a program has it open, as far as the kernel tells: see docs/tuntap.md. */
  inUse: boolean;
  /** The processes that have it open, of those that this user may look into. */
  processes: readonly number[];
}

/**
 * The TUN/TAP devices of this network namespace, persistent or not, in the order in which they were made. Needs no
 * privilege; a device's processes are seen by root and by their own user only.
 * @throws TuntapError NETLINK
 */
export function listDevices(): Device[] {
  const messages = netlink('list', undefined, () => dump(getLinkRequest()));
  const links = messages.map(parseLink).filter((link) => link !== undefined);
  links.sort((a, b) => a.index - b.index);
  const open = links.length > 0 ? holders() : new Map<string, number[]>();
  return links.map((link) => {
    const processes = open.get(link.name) ?? [];
    const inUse = processes.length > 0 || link.carrier || !link.persistent || (link.queues ?? 0) > 0;
    return { ...link, inUse, processes };
  });
}

/**
 * Plugs or unplugs the cable of a device that a program has open. Needs CAP_NET_ADMIN.
 * @throws TuntapError NO_DEVICE, NOT_OPEN, NETLINK
 */
export function setCarrier(name: string, carrier: 'on' | 'off'): void {
  try {
    netlink('carrier', name, () => askNetlink(setCarrierRequest(name, carrier), 'one'));
  } catch (error) {
    const errno = errnoOf(error);
    const isIdle = (device: Device): boolean => device.name === name && !device.inUse;
    if (errno !== EPERM || !listDevices().some(isIdle)) throw error;
    throw new TuntapError({ code: 'NOT_OPEN', step: 'carrier', errno, device: name }, error); // the kernel says EPERM for that too
  }
}

/**
 * What the kernel says of the device of this name; undefined if it is no TUN/TAP device.
 * @throws TuntapError NO_DEVICE, NETLINK
 */
export function findLink(name: string, step: 'delete' | 'carrier'): Link | undefined {
  const messages = netlink(step, name, () => askNetlink(getLinkRequest(name), 'one'));
  return messages.map(parseLink).find((link) => link !== undefined);
}

function dump(request: NetlinkMessage): NetlinkMessage[] {
  for (let tries = 1; ; tries++) {
    try {
      return askNetlink(request, 'dump');
    } catch (error) {
      if (tries === MOST_TRIES || !hasCode(error, 'EINTR')) throw error;
    }
  }
}

function netlink<T>(step: 'list' | 'delete' | 'carrier', device: string | undefined, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    const errno = errnoOf(error) ?? 0;
    if (errno === ENODEV && step !== 'list' && device !== undefined) {
      throw new TuntapError({ code: 'NO_DEVICE', step, errno, device }, error);
    }
    throw new TuntapError({ code: 'NETLINK', step, errno, ...(device !== undefined && { device }) }, error);
  }
}
