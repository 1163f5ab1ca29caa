import { lookupGroup } from '../../lib/os/index.ts';
import {
  ATTACHMENT_FORMS,
  type Attachment,
  switchMessages as messages,
  parseAttachment,
  type SocketAccess,
} from '../../lib/switch/index.ts';

const DEFAULT_CONTROL = '/tmp/uml.ctl';
const DEFAULT_DATA = '/tmp/uml.data';
/** With --group and without --mode: the group may connect, nobody else. */
const GROUP_MODE = 0o660;

/** What the words ask for. */
export interface Settings {
  kind: 'switch' | 'hub';
  control: string;
  data: string | undefined;
  background: boolean;
  /** In the order in which they become ports. */
  attachments: Attachment[];
  bess: string[];
  vde: string | undefined;
  console: string | undefined;
  /** A file, or `-` for standard output. */
  pcap: string | undefined;
  access: SocketAccess | undefined;
  pidfile: string | undefined;
}

export type Parsed = { lines: messages.Line[] } & ({ settings: Settings } | { settings: undefined; status: number });

interface Given extends Settings {
  mode?: number;
  gid?: number;
}

/** A long option: all of them take a value. */
interface Option {
  form: string;
  summary: string;
  /** What is wrong with the value, if something is. */
  take(given: Given, value: string): string | undefined;
}

/** What goes beyond the C tool, whose words have one dash. In the order of help and manual. */
export const OPTIONS: Readonly<Record<string, Option>> = {
  console: {
    form: 'SOCKET',
    summary: 'serve the console there, for uml switchctl',
    take: (given, value) => path(value, () => (given.console = value)),
  },
  bess: {
    form: 'PATH',
    summary: 'let BESS clients connect there (vec0:transport=bess,dst=PATH); repeatable',
    take: (given, value) => path(value, () => given.bess.push(value)),
  },
  'bess-to': {
    form: ATTACHMENT_FORMS.bess,
    summary: 'a port to a BESS socket that another program listens on; repeatable, as all ports',
    take: attach('bess'),
  },
  'stream-to': {
    form: ATTACHMENT_FORMS.stream,
    summary: 'a port to a stream socket on which another program takes frames behind their lengths, as passt does',
    take: attach('stream'),
  },
  fd: {
    form: ATTACHMENT_FORMS.fd,
    summary: 'a port to an inherited descriptor: a connected packet or datagram socket, or a tap',
    take: attach('fd'),
  },
  vde: {
    form: 'DIR',
    summary: 'let clients of vde_switch connect there',
    take: (given, value) => path(value, () => (given.vde = value)),
  },
  udp: { form: ATTACHMENT_FORMS.udp, summary: 'a trunk to another switch, ADDRESS:PORT each', take: attach('udp') },
  mcast: {
    form: ATTACHMENT_FORMS.mcast,
    summary: "a trunk to all in a multicast group, as UML's mcast transport",
    take: attach('mcast'),
  },
  vxlan: { form: ATTACHMENT_FORMS.vxlan, summary: 'a VXLAN trunk (RFC 7348)', take: attach('vxlan') },
  pcap: {
    form: 'FILE|-',
    summary: 'write every frame to a file as pcapng; - is standard output, messages then go to standard error',
    take: (given, value) => path(value, () => (given.pcap = value)),
  },
  mode: {
    form: 'OCTAL',
    summary: 'the mode of the sockets, whatever the umask is',
    take(given, value) {
      if (!/^[0-7]{1,4}$/.test(value) || Number.parseInt(value, 8) > 0o777) return 'is no mode: 0 to 777, octal';
      given.mode = Number.parseInt(value, 8);
      return undefined;
    },
  },
  group: {
    form: 'NAME',
    summary: 'the group of the sockets; without --mode it may connect, mode 660',
    take(given, value) {
      const group = /^\d+$/.test(value) ? { gid: Number(value) } : lookupGroup(value);
      if (!group || group.gid >= NO_GROUP) return 'is no group';
      given.gid = group.gid;
      return undefined;
    },
  },
  pidfile: {
    form: 'PATH',
    summary: 'write the process id there when it is ready',
    take: (given, value) => path(value, () => (given.pidfile = value)),
  },
};

/** (gid_t) -1 stands for no change. */
const NO_GROUP = 0xffff_ffff;

function path(value: string, take: () => unknown): string | undefined {
  if (value === '') return 'is no path';
  take();
  return undefined;
}

function attach(kind: Attachment['kind']): Option['take'] {
  return (given, value) => {
    const attachment = parseAttachment(kind, value);
    if (!attachment) return `is not ${ATTACHMENT_FORMS[kind]}`;
    given.attachments.push(attachment);
    return undefined;
  };
}

/**
 * Reads the words from left to right, as the C tool does: what it says on the way comes before the usage. Words with one
 * dash are the C tool's.
 */
export function parseSettings(args: readonly string[], name: string): Parsed {
  const given: Given = {
    kind: 'switch',
    control: DEFAULT_CONTROL,
    data: undefined,
    background: false,
    attachments: [],
    bess: [],
    vde: undefined,
    console: undefined,
    pcap: undefined,
    access: undefined,
    pidfile: undefined,
  };
  const lines: messages.Line[] = [];
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--help') return { settings: undefined, status: 0, lines: messages.helpLines(name, OPTIONS) };
    const [first, second] = rest;
    const long = longOption(word);
    if (long) {
      const value = long.value ?? rest.shift();
      const problem = value === undefined ? 'needs a value' : long.option.take(given, value);
      if (problem === undefined) continue;
      const line = messages.optionLine(name, `--${long.name}`, value, problem);
      return { settings: undefined, status: 1, lines: [...lines, line] };
    }
    if (word === '-hub') {
      given.kind = 'hub';
      lines.push(messages.hubLine(name));
    } else if (word === '-compat-v0') {
      given.data ??= DEFAULT_DATA;
      lines.push(messages.compatLine);
    } else if (word === '-daemon') {
      given.background = true;
    } else if (word === '-tap' && first !== undefined) {
      given.attachments.push({ kind: 'tap', device: first });
      rest.shift();
    } else if (word === '-unix' && first !== undefined && given.data === undefined) {
      given.control = first;
      rest.shift();
    } else if (word === '-unix' && first !== undefined && second !== undefined) {
      given.control = first;
      given.data = second;
      rest.splice(0, 2);
    } else {
      return { settings: undefined, status: 1, lines: [...lines, ...messages.usageLines(name)] };
    }
  }
  return { settings: { ...given, access: accessOf(given) }, lines };
}

function longOption(word: string): { name: string; option: Option; value: string | undefined } | undefined {
  const [, name = '', value] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
  const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  return option && { name, option, value };
}

function accessOf({ mode, gid }: Given): SocketAccess | undefined {
  if (mode === undefined && gid === undefined) return undefined;
  return { mode: mode ?? GROUP_MODE, gid };
}
