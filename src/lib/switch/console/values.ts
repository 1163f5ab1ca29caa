/** The words in capitals of commands: what they stand for, and text to values. */
import { ATTACHMENT_FORMS } from '../attachment-words.ts';
import type { Attachment, PortInfo } from '../ports.ts';
import { ConsoleError } from './error.ts';
import { shown } from './words.ts';

/** Attachments that can be asked for while the switch runs; a descriptor can only be inherited. */
export type AttachKind = Exclude<Attachment['kind'], 'fd'>;

/** The values, by their words. */
export interface Values {
  PORT: number;
  PORTS: 'all' | number[];
  NAME: string;
  VLAN: number;
  VLANS: 'all' | number[];
  ADDRESS: string;
  SECONDS: number;
  FILE: string;
  KIND: AttachKind;
  WHERE: string;
  COMMAND: string;
}

export type ValueName = keyof Values;

/** What help says of each. */
export const VALUE_HELP: Record<ValueName, string> = {
  PORT: 'a port, by its number or by a name that only it has',
  PORTS: 'all, or ports with commas between them',
  NAME: 'what a port is called; in double quotes if it has blanks',
  VLAN: 'a VLAN, 1 to 4094',
  VLANS: 'all, or VLANs with commas between them, and ranges: 1,10-19',
  ADDRESS: 'an Ethernet address, aa:bb:cc:dd:ee:ff',
  SECONDS: 'seconds; 0 for never',
  FILE: 'a file; a name without a directory is in that of the switch (uml switchctl: of its user)',
  KIND: `with WHERE: ${Object.entries(ATTACHMENT_FORMS)
    .filter(([kind]) => kind !== 'fd')
    .map(([kind, form]) => `${kind} ${form}`)
    .join(', ')}`,
  WHERE: 'see KIND',
  COMMAND: 'the first word or words of a command',
};

const LAST_VLAN = 4094;
const MOST_SECONDS = 999_999_999;
const NAME_LENGTH = 64;

/**
 * Reads a value. `ports` are those that there are.
 * @throws ConsoleError VALUE, PORT: the message names the text
 */
export function parseValue<N extends ValueName>(name: N, text: string, ports: () => readonly PortInfo[]): Values[N] {
  return READERS[name](text, ports);
}

const READERS: { [N in ValueName]: (text: string, ports: () => readonly PortInfo[]) => Values[N] } = {
  PORT: (text, ports) => portOf(text, ports()),
  PORTS: (text, ports) => (text === 'all' ? 'all' : listOf(text).map((each) => portOf(each, ports()))),
  NAME(text) {
    if (/[\p{Cc}\u2028\u2029]/u.test(text) || text.length > NAME_LENGTH) {
      throw wrong(`${shown(text)} is no name: at most ${NAME_LENGTH} characters that can be printed`);
    }
    return text;
  },
  VLAN: vlanOf,
  VLANS(text) {
    if (text === 'all') return 'all';
    return [...new Set(listOf(text).flatMap(vlansOf))].sort((a, b) => a - b);
  },
  ADDRESS(text) {
    if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) {
      throw wrong(`${shown(text)} is no Ethernet address: aa:bb:cc:dd:ee:ff`);
    }
    return text.toLowerCase().replaceAll('-', ':');
  },
  SECONDS(text) {
    const seconds = numberOf(text);
    if (seconds === undefined || seconds > MOST_SECONDS) throw wrong(`${shown(text)} is no number of seconds`);
    return seconds;
  },
  FILE: notEmpty('a file'),
  KIND(text) {
    if (text !== 'fd' && Object.hasOwn(ATTACHMENT_FORMS, text)) return text as AttachKind;
    throw wrong(`${shown(text)} can't be attached: ${VALUE_HELP.KIND}`);
  },
  WHERE: notEmpty('a place'),
  COMMAND: (text) => text,
};

function portOf(text: string, ports: readonly PortInfo[]): number {
  const number = numberOf(text);
  const found = ports.filter((port) =>
    number === undefined ? port.name === text && text !== '' : port.number === number,
  );
  if (found.length > 1) {
    throw new ConsoleError(
      'PORT',
      `${shown(text)} is the name of several ports: ${found.map((port) => port.number).join(', ')}`,
    );
  }
  if (!found[0]) throw new ConsoleError('PORT', `there is no port ${shown(text)}`);
  return found[0].number;
}

function vlanOf(text: string): number {
  const vlan = numberOf(text);
  if (vlan === undefined || vlan < 1 || vlan > LAST_VLAN) throw wrong(`${shown(text)} is no VLAN: 1 to ${LAST_VLAN}`);
  return vlan;
}

function vlansOf(text: string): number[] {
  const [first = '', last = first, ...more] = text.split('-');
  const [from, to] = [vlanOf(first), vlanOf(last)];
  if (to < from || more.length > 0) throw wrong(`${shown(text)} is no range of VLANs`);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function listOf(text: string): string[] {
  return text.split(',');
}

function numberOf(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function notEmpty(what: string): (text: string) => string {
  return (text) => {
    if (text === '' || text.includes('\0')) throw wrong(`${shown(text)} is no name of ${what}`);
    return text;
  };
}

function wrong(message: string): ConsoleError {
  return new ConsoleError('VALUE', message);
}
