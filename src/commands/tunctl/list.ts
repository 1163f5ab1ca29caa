import { table } from '../../lib/cli/index.ts';
import { lookupGroup, lookupUser } from '../../lib/os/index.ts';
import { type Device, listDevices } from '../../lib/tuntap/index.ts';

const HEADINGS = ['NAME', 'MODE', 'OWNER', 'GROUP', 'PERSISTENT', 'QUEUES', 'VNET-HDR', 'CARRIER', 'IN USE'];

/** The devices as lines for stdout: a table, or an object of JSON a line. */
export function listing(form: 'table' | 'json'): string {
  const devices = listDevices();
  const lines = form === 'json' ? devices.map(jsonOf) : table([HEADINGS, ...devices.map(rowOf)]);
  return lines.map((line) => `${line}\n`).join('');
}

function rowOf(device: Device): string[] {
  const { name, mode, owner, group, persistent, multiQueue, queues, vnetHeader, carrier, inUse, processes } = device;
  return [
    name,
    mode,
    owner === undefined ? '-' : (userName(owner) ?? String(owner)),
    group === undefined ? '-' : (groupName(group) ?? String(group)),
    yesNo(persistent),
    multiQueue ? `multi, ${queues} open` : 'one',
    yesNo(vnetHeader),
    carrier ? 'on' : 'off',
    processes.length > 0 ? `by ${processes.join(', ')}` : yesNo(inUse),
  ];
}

function jsonOf({ owner, group, queues, ...device }: Device): string {
  return JSON.stringify({
    ...device,
    queues: queues ?? null,
    owner: owner === undefined ? null : { uid: owner, name: userName(owner) ?? null },
    group: group === undefined ? null : { gid: group, name: groupName(group) ?? null },
  });
}

const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
const userName = (uid: number): string | undefined => lookupUser(uid)?.name;
const groupName = (gid: number): string | undefined => lookupGroup(gid)?.name;
