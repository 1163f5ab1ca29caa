/** A switch that only remembers what was asked of it. */
import type { AddressInfo, Managed, PortInfo, SwitchSettings } from '../../../../src/lib/switch/index.ts';

const counters = { rxFrames: 10, rxBytes: 600, rxDropped: 1, txFrames: 7, txBytes: 4242, txLost: 2 };

export const PORTS: PortInfo[] = [
  { number: 5, kind: 'client', name: '', state: 'up', isStuck: false, vlan: { mode: 'transparent' }, counters },
  { number: 6, kind: 'tap', name: 'tap0', state: 'down', isStuck: true, vlan: { mode: 'access', vlan: 10 }, counters },
  {
    ...{ number: 12, kind: 'udp', name: 'twin', state: 'up', isStuck: false, counters },
    vlan: { mode: 'trunk', vlans: [1, 10, 11, 12, 30], native: 1 },
  },
  { number: 13, kind: 'bess', name: 'twin', state: 'up', isStuck: false, vlan: { mode: 'transparent' }, counters },
];

const ADDRESSES: AddressInfo[] = [
  { address: '02:00:00:00:00:09', port: 12, vlan: 10, age: 3 },
  { address: '02:00:00:00:00:02', port: 5, vlan: 0, age: 0 },
];

export interface Remembering {
  managed: Managed;
  /** The calls and their arguments, as JSON. */
  calls: string[];
}

export function remembering(): Remembering {
  const calls: string[] = [];
  const settings: SwitchSettings = { kind: 'switch', ageing: 100, mirror: { from: [5, 6], to: 12 } };
  const note = (name: string, ...values: unknown[]): void => void calls.push(`${name} ${JSON.stringify(values)}`);
  const network: Managed['network'] = {
    ports: () => PORTS,
    async addresses(filter) {
      note('addresses', filter);
      return ADDRESSES;
    },
    async forget(filter) {
      note('forget', filter);
      return ADDRESSES;
    },
    change: (setting) => note('change', setting),
    settings: () => settings,
    rename: (port, name) => note('rename', port, name),
    async attach(attachment) {
      note('attach', attachment);
      return 14;
    },
    detach: (port) => note('detach', port),
    async capture({ ports, to, sink }) {
      note('capture', ports, to);
      await sink.end();
    },
    async stopCaptures(to) {
      note('stopCaptures', to);
      return [];
    },
    captures: () => [],
  };
  return { calls, managed: { network, stop: () => note('stop'), follow: () => () => {} } };
}
