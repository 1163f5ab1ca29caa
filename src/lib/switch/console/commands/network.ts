import type { AddressInfo } from '../../ports.ts';
import { type Command, command, done, type Result } from '../command.ts';
import { portsText, table } from '../text.ts';

/** What holds for the whole switch: its address table, its kind, the mirror. */
export const NETWORK_COMMANDS: readonly Command[] = [
  command('mac list [port PORT] [vlan VLAN]', 'the addresses that are known', async ({ network }, { PORT, VLAN }) =>
    addresses(await network.addresses({ port: PORT, vlan: VLAN })),
  ),
  command('mac find ADDRESS', 'where an address is', async ({ network }, { ADDRESS }) =>
    addresses(await network.addresses({ address: ADDRESS })),
  ),
  command(
    'mac flush [ADDRESS] [port PORT] [vlan VLAN]',
    'forget addresses, and tell how many they were',
    async ({ network }, { ADDRESS, PORT, VLAN }) => {
      const { length } = await network.forget({ address: ADDRESS, port: PORT, vlan: VLAN });
      return { json: { forgotten: length }, lines: [`${length} ${length === 1 ? 'address' : 'addresses'} forgotten`] };
    },
  ),
  command('mac ageing [SECONDS]', 'after how much silence an address is forgotten', ({ network }, { SECONDS }) => {
    if (SECONDS !== undefined) network.change({ set: 'ageing', seconds: SECONDS });
    const { ageing } = network.settings();
    return { json: { ageing }, lines: [ageing === 0 ? 'never' : `${ageing} seconds`] };
  }),
  command('kind', 'what it is, switch or hub', ({ network }) => {
    const { kind } = network.settings();
    return { json: { kind }, lines: [kind] };
  }),
  command('kind switch', 'send each frame where its address is', ({ network }) => {
    network.change({ set: 'kind', kind: 'switch' });
    return done;
  }),
  command('kind hub', 'send every frame to every port', ({ network }) => {
    network.change({ set: 'kind', kind: 'hub' });
    return done;
  }),
  command('mirror', 'what is copied to which port', ({ network }) => {
    const { mirror } = network.settings();
    const lines = mirror ? [`${portsText(mirror.from)} to port ${mirror.to}`] : ['off'];
    return { json: { mirror: mirror ?? null }, lines };
  }),
  command(
    'mirror PORTS to PORT',
    'copy every frame that these ports send or receive to a port',
    ({ network }, { PORTS, PORT }) => {
      network.change({ set: 'mirror', mirror: { from: PORTS, to: PORT } });
      return done;
    },
  ),
  command('mirror off', 'copy nothing any more', ({ network }) => {
    network.change({ set: 'mirror', mirror: undefined });
    return done;
  }),
];

function addresses(found: readonly AddressInfo[]): Result {
  const sorted = found.toSorted((a, b) => a.vlan - b.vlan || (a.address < b.address ? -1 : 1));
  const rows = sorted.map(({ address, port, vlan, age }) => [address, vlan === 0 ? '-' : vlan, port, age]);
  return { json: sorted, lines: table(['ADDRESS', 'VLAN', 'PORT', 'AGE'], rows) };
}
