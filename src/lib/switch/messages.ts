/** Every text that uml_switch shows, in the words of the C switch where it has any (spec 8). */
import { strerror } from '../os/index.ts';
import { attachmentName } from './endpoint.ts';
import type { DescriptorTrouble, ListenKind, SocketTrouble, SwitchErrorDetail } from './error.ts';
import type { SwitchEvent } from './events.ts';
import type { FrameReport } from './plane/thread.ts';
import type { PortKind } from './ports.ts';

/** A line for the user, without its newline. */
export interface Line {
  to: 'stdout' | 'stderr';
  text: string;
}

/** The C switch says by which of its descriptors it sends: that of its data socket. */
const DATA_FD = 4;

const out = (text: string): Line => ({ to: 'stdout', text });
const err = (text: string): Line => ({ to: 'stderr', text });

export function usageLines(program: string): Line[] {
  return [
    err(`Usage : ${program} [ -unix control-socket ] [ -hub ] [ -tap tap-device ]`),
    err(`or : ${program} -compat-v0 [ -unix control-socket data-socket ] [ -hub ] [ -tap tap-device ]`),
  ];
}

/** `options` are the long ones, by name, with the form of their values. */
export function helpLines(
  program: string,
  options: Readonly<Record<string, { form: string; summary: string }>>,
): Line[] {
  const rows = [
    ['-unix CONTROL [DATA]', 'the control socket; with -compat-v0 before it, the data socket too'],
    ['-hub', 'send every frame to every port'],
    ['-tap DEVICE', 'a port to a tap device of the host; repeatable'],
    ['-daemon', 'serve in the background; returns when clients can connect'],
    ['-compat-v0', 'for clients of the oldest protocol'],
    ...Object.entries(options).map(([name, { form, summary }]) => [`--${name} ${form}`, summary]),
    ['--help', 'this'],
  ] as const;
  const width = Math.max(...rows.map(([form]) => form.length));
  const texts = rows.map(([form, summary]) => `  ${form.padEnd(width)}  ${summary}`);
  return [`usage: ${program} [OPTION]...`, '', 'A virtual Ethernet switch for User Mode Linux.', '', ...texts].map(out);
}

/** A long option that can't be followed. */
export const optionLine = (program: string, option: string, value: string | undefined, problem: string): Line =>
  err(`${program}: ${option}${value === undefined ? '' : `: '${value}'`} ${problem}`);

/** Something beside the switch itself failed. */
export const failureLine = (program: string, reason: string): Line => err(`${program}: ${reason}`);

export const stoppedLine: Line = out('Stopped by the console, cleaning up and exiting');

/** On the switch's own terminal. */
export const noSessionLine: Line = err('that needs a connection to a console (--console); stop ends the switch');

export const hubLine = (program: string): Line => out(`${program} will be a hub instead of a switch`);
export const compatLine: Line = out('Control protocol 0 compatibility');
export const endOfInputLine: Line = out('EOF on stdin, cleaning up and exiting');
export const signalLine = (number: number): Line => out(`Caught signal ${number}, cleaning up and exiting`);

export function attachedLine(
  program: string,
  control: string,
  data: string | undefined,
  taps: readonly string[],
): Line {
  const sockets = data === undefined ? `socket '${control}'` : `sockets '${control}' and '${data}'`;
  const devices = taps.map((tap) => `'${tap}'`).join(', ');
  const also = taps.length === 0 ? '' : ` tap device${taps.length === 1 ? '' : 's'} ${devices}`;
  return out(`${program} attached to unix ${sockets}${also}`);
}

export const removalLine = (socket: 'control' | 'data' | ListenKind, path: string, errno: number): Line =>
  err(`Couldn't remove ${socket} socket '${path}' : ${strerror(errno)}`);

export function eventLines(event: SwitchEvent): Line[] {
  switch (event.event) {
    case 'connected':
      return [out('New connection')];
    case 'disconnected':
      return [out('Disconnect')];
    case 'bad-request':
      return [out('Bad request')];
    case 'bad-type':
      return [out(`Bad request type : ${event.type | 0}`), noPort(event.port)];
    case 'bad-version':
      return [err(versionText(event.version)), noPort(event.port)];
    case 'gave-up':
      return [out('EOF from new port'), noPort(event.port)];
    case 'connection-failed': {
      return [
        err(`${CONNECTION_STEPS[event.step]}: ${strerror(event.errno)}`),
        ...(event.registered ? [] : [noPort(event.port)]),
      ];
    }
    case 'accept-failed':
      return [err(`accept: ${strerror(event.errno)}`)];
    case 'capture-ended':
      return [err(`The capture to '${event.to}' ended: ${event.reason}`)];
    case 'frames':
      return [frameLine(event.report)];
  }
}

const CONNECTION_STEPS = {
  read: 'Reading request',
  connect: 'Connecting to data socket',
  reply: 'Sending data socket name',
} as const;

const noPort = (port: number): Line => err(`No port associated with descriptor ${port}`);

const versionText = (version: number): string =>
  version === 2
    ? 'Version 2 is not supported'
    : `Request for a version ${version} port, which this uml_switch doesn't support`;

function frameLine(report: FrameReport): Line {
  switch (report.report) {
    case 'learned': {
      const old = report.oldPort === undefined ? '' : ` old port ${report.oldPort}`;
      return out(` Addr: ${report.address} New port ${report.port}${old}`);
    }
    case 'unknown':
      return out(`unknown Addr: ${report.address} from port ${report.port}`);
    case 'left-out':
      return out(`${report.lines} more lines about addresses left out`);
    case 'loop':
      return err(`A loop: frames from port ${report.port} come back on port ${report.other}; they are dropped there`);
    case 'loop-over':
      return err('No frames come back any more: the loop is gone');
    case 'flapping':
      return err(
        `${report.address} comes from port ${report.port} and port ${report.other} in turns: it stays on port ${report.port}`,
      );
    case 'settled':
      return err(`${report.address} comes from port ${report.port} alone again`);
    case 'stranger':
      return out("Unknown connection for packet, shouldn't happen.");
    case 'lost': {
      const call = sendingCall(report);
      const count = report.frames === 1 ? '' : ` (${report.frames} frames to port ${report.port})`;
      return err(`${call} ${strerror(report.errno)}${count}`);
    }
    case 'ended':
      if (report.badLength !== undefined) return err(badLengthText(report.port, report.badLength));
      return report.errno === undefined ? out('Disconnect') : err(`Reading tap data: ${strerror(report.errno)}`);
  }
}

const badLengthText = (port: number, length: number): string =>
  `Port ${port} is closed: what it sends is no stream of frames, one of which would have ${length} bytes`;

/** The C switch has words for its two kinds of ports. */
function sendingCall({ link, port }: { link: PortKind; port: number }): string {
  if (link === 'tap') return 'send_tap:';
  return link === 'client' ? `send_sock sending to fd ${DATA_FD}` : `Sending to port ${port}:`;
}

/** Why the switch did not start or had to end. `sockets` counts those with a path. */
export function errorLines(detail: SwitchErrorDetail, program: string, sockets: 1 | 2): Line[] {
  switch (detail.code) {
    case 'TAP':
      return [err(tapText(detail))];
    case 'LISTEN':
    case 'SOCKETS':
      return socketTexts(detail, program, sockets).map(err);
    default:
      return [err(`${program}: ${refusalText(detail)}`)];
  }
}

/** Why the switch does not do what it was asked for: one line that names the thing. */
export function refusalText(detail: SwitchErrorDetail): string {
  switch (detail.code) {
    case 'TAP':
      return `tap device ${detail.device}: ${tapText(detail)}`;
    case 'DESCRIPTOR':
      return `descriptor ${detail.fd} ${DESCRIPTOR_TROUBLES[detail.reason]}`;
    case 'ATTACH':
      return `${attachmentName(detail.attachment)}: ${detail.call}: ${strerror(detail.errno)}`;
    case 'PORT':
      return `there is no port ${detail.port}`;
    case 'PORTS':
      return `all ports are in use; there are ${detail.limit}`;
    case 'VLAN':
      return `VLANs have numbers from 1 to 4094, not ${detail.vlan}`;
    case 'TRUNK':
      return 'a trunk carries at least one VLAN';
    case 'MIRROR':
      return `port ${detail.port} can't get copies of its own frames`;
    case 'AGEING':
      return `an ageing time has whole seconds, 1,000,000 at most, not ${detail.seconds}`;
    case 'ADDRESS':
      return `not an Ethernet address: ${detail.address}`;
    case 'PLANE':
      return `no frames can be forwarded: ${detail.reason}`;
    case 'LISTEN':
    case 'SOCKETS':
      return socketTexts(detail, 'uml_switch', 1).join('; ');
  }
}

function socketTexts(
  detail: Extract<SwitchErrorDetail, { code: 'LISTEN' | 'SOCKETS' }>,
  program: string,
  sockets: 1 | 2,
): string[] {
  if (detail.code === 'LISTEN') {
    const { kind, trouble } = detail;
    return [...stepTexts(trouble), ...troubleTexts({ [kind]: trouble }), ...adviceForOne(trouble)];
  }
  const { control, data } = detail;
  const advice = sockets === 2 ? adviceForTwo(program, control, data) : adviceForOne(control);
  return [...stepTexts(control), ...stepTexts(data), ...troubleTexts({ control, data }), ...advice];
}

const tapText = ({ step, errno }: { step: 'open' | 'name'; errno: number }): string =>
  `${TAP_STEPS[step]}: ${strerror(errno)}`;

const TAP_STEPS = { open: 'Failed to open /dev/net/tun', name: 'TUNSETIFF failed' } as const;

const DESCRIPTOR_TROUBLES: Record<DescriptorTrouble, string> = {
  closed: 'is not open',
  stream: 'is a stream: frames need a socket that keeps messages apart (SOCK_SEQPACKET or SOCK_DGRAM)',
  unconnected: 'is a socket without a peer',
  tun: 'is a tun device, which has no Ethernet: a tap is needed',
  header: 'is a tap whose frames have a header: IFF_NO_PI without IFF_VNET_HDR is needed',
  other: 'is neither a connected socket nor a tap device',
};

function stepTexts(trouble: SocketTrouble | undefined): string[] {
  return (trouble?.steps ?? []).map(({ call, errno }) => {
    const reason = errno === 'not-socket' ? 'it is not a socket' : strerror(errno);
    return call === 'unlink' ? `Failed to removed unused socket '${trouble?.path}': ${reason}` : `${call}: ${reason}`;
  });
}

function troubleTexts(troubles: { [which in 'control' | 'data' | ListenKind]?: SocketTrouble | undefined }): string[] {
  return Object.entries(troubles).flatMap(([which, trouble]) => {
    if (!trouble) return [];
    const { path, reason } = trouble;
    return reason === 'in-use'
      ? `The ${which} socket '${path}' has another server attached to it`
      : `The ${which} socket '${path}' exists, isn't used, but couldn't be removed`;
  });
}

function adviceForOne(control: SocketTrouble | undefined): string[] {
  if (control?.reason !== 'in-use') return [];
  return ['You can either', `\tremove '${control.path}'`, '\tor rerun with a different, unused filename for a socket'];
}

/** With two sockets, only those that nobody uses are named for removal. */
function adviceForTwo(program: string, control?: SocketTrouble, data?: SocketTrouble): string[] {
  const removable = [control, data].filter((each) => each?.reason === 'stuck').map((each) => `'${each?.path}'`);
  if (removable.length === 0) {
    return [
      'You should rerun with different, unused filenames for sockets:',
      `\t${program} -unix <control> <data>`,
      "\tand run the UMLs with 'eth0=daemon,,unix,<control>,<data>'",
    ];
  }
  return [
    'You can either',
    `\tremove ${removable.join(' and ')}`,
    '\tor rerun with different, unused filenames for sockets:',
    `\t\t${program} -unix <control> <data>`,
    "\t\tand run the UMLs with 'eth0=daemon,,unix,<control>,<data>",
  ];
}
