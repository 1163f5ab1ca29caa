import { ATTACHMENT_FORMS, parseAttachment } from '../../attachment-words.ts';
import type { PortInfo } from '../../ports.ts';
import { type Command, command, done, type Managed, type Result } from '../command.ts';
import { ConsoleError } from '../error.ts';
import { table, vlanText } from '../text.ts';
import { shown } from '../words.ts';

/** Ports: which there are, what they have carried, and changes. */
export const PORT_COMMANDS: readonly Command[] = [
  command('port list', 'all ports', ({ network }) => listed(network.ports())),
  command('port show PORT', 'all about a port', ({ network }, { PORT }) => described(portOf(network.ports(), PORT))),
  command('port counters [PORT]', 'frames and bytes of all ports, or of one', ({ network }, { PORT }) => {
    const ports = network.ports();
    return counted(PORT === undefined ? ports : [portOf(ports, PORT)]);
  }),
  command('port name PORT NAME', 'give a port a name', ({ network }, { PORT, NAME }) => {
    network.rename(PORT, NAME);
    return done;
  }),
  command('port up PORT', 'let a port send and receive again', (managed, { PORT }) => setState(managed, PORT, 'up')),
  command('port down PORT', 'let a port neither send nor receive', (managed, { PORT }) =>
    setState(managed, PORT, 'down'),
  ),
  command('port attach KIND WHERE', 'make a new port and tell its number', async ({ network }, { KIND, WHERE }) => {
    const attachment = parseAttachment(KIND, WHERE);
    if (!attachment) throw new ConsoleError('VALUE', `${shown(WHERE)} is not ${KIND} ${ATTACHMENT_FORMS[KIND]}`);
    const port = await network.attach(attachment);
    return { json: { port }, lines: [`port ${port}`] };
  }),
  command('port detach PORT', 'take a port away; a client is disconnected', ({ network }, { PORT }) => {
    network.detach(PORT);
    return done;
  }),
  command('port vlan PORT access VLAN', 'a port of one VLAN that knows no tags (802.1Q)', (managed, { PORT, VLAN }) => {
    managed.network.change({ set: 'vlan', port: PORT, vlan: { mode: 'access', vlan: VLAN } });
    return done;
  }),
  command(
    'port vlan PORT trunk VLANS [native VLAN]',
    'a port of these VLANs, with tags; frames without one are of the native VLAN',
    ({ network }, { PORT, VLANS, VLAN }) => {
      network.change({ set: 'vlan', port: PORT, vlan: { mode: 'trunk', vlans: VLANS, native: VLAN } });
      return done;
    },
  ),
  command('port vlan PORT transparent', 'a port for which tags are data, as at first', ({ network }, { PORT }) => {
    network.change({ set: 'vlan', port: PORT, vlan: { mode: 'transparent' } });
    return done;
  }),
];

function portOf(ports: readonly PortInfo[], number: number): PortInfo {
  const port = ports.find((each) => each.number === number);
  if (!port) throw new ConsoleError('PORT', `there is no port ${number}`);
  return port;
}

function setState({ network }: Managed, port: number, state: 'up' | 'down'): Result {
  network.change({ set: 'state', port, state });
  return done;
}

function stateText({ state, isStuck }: PortInfo): string {
  return isStuck ? `${state}, stuck` : state;
}

function listed(ports: readonly PortInfo[]): Result {
  const rows = ports.map((port) => {
    const { number, kind, vlan, name, counters } = port;
    return [number, kind, stateText(port), vlanText(vlan), counters.rxFrames, counters.txFrames, name];
  });
  return { json: ports, lines: table(['PORT', 'KIND', 'STATE', 'VLAN', 'RECEIVED', 'SENT', 'NAME'], rows) };
}

function described(port: PortInfo): Result {
  const { number, kind, name, vlan, counters } = port;
  const { rxFrames, rxBytes, rxDropped, txFrames, txBytes, txLost } = counters;
  const lines = [
    `port      ${number}`,
    `name      ${name}`,
    `kind      ${kind}`,
    `state     ${stateText(port)}`,
    `vlan      ${vlanText(vlan)}`,
    `received  ${rxFrames} frames, ${rxBytes} bytes, ${rxDropped} frames dropped`,
    `sent      ${txFrames} frames, ${txBytes} bytes, ${txLost} frames lost`,
  ];
  return { json: port, lines: lines.map((line) => line.trimEnd()) };
}

function counted(ports: readonly PortInfo[]): Result {
  const columns = ['PORT', 'RECEIVED', 'BYTES', 'DROPPED', 'SENT', 'BYTES', 'LOST'];
  const rows = ports.map(({ number, counters: c }) => [
    number,
    ...[c.rxFrames, c.rxBytes, c.rxDropped, c.txFrames, c.txBytes, c.txLost],
  ]);
  return { json: ports.map(({ number, counters }) => ({ number, counters })), lines: table(columns, rows) };
}
