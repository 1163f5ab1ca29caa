import { complaintLine, getopt, illegible, integer } from '../../lib/cli/index.ts';
import { lookupGroup, lookupUser } from '../../lib/os/index.ts';
import type { CreateOptions } from '../../lib/tuntap/index.ts';
import { misuse, unknownGroup, unknownUser, usage } from './messages.ts';

export type Request =
  | { what: 'create'; brief: boolean; device: CreateOptions }
  | { what: 'delete'; name: string; cloneDevice: string | undefined }
  | { what: 'list'; json: boolean }
  | { what: 'carrier'; name: string; carrier: 'on' | 'off' }
  | { what: 'help' }
  /** For stderr; the status is 1. */
  | { what: 'refuse'; text: Uint8Array };

const SHORT = 'bd:f:t:u:g:np'; // the C tool's, and the n and p that tunctl 1.5 has
const LONG = {
  '--list': 'flag',
  '--json': 'flag',
  '--multi-queue': 'flag',
  '--vnet-hdr': 'flag',
  '--carrier': 'value',
  '--help': 'flag',
} as const;

/** What the options have said so far; the later one of two wins. */
interface Said {
  options: Set<string>;
  /** -t and -d: the C tool has one place for both. */
  name?: string;
  cloneDevice?: string;
  mode?: 'tap' | 'tun';
  owner?: number;
  group?: number;
  carrier?: string;
}

/** Reads the arguments from left to right, as the C tool does: the first that is wrong is the one that is told. */
export function parseArguments(args: readonly string[], program: string, environment: NodeJS.ProcessEnv): Request {
  const posix = environment.POSIXLY_CORRECT !== undefined;
  const { options, operands } = getopt(args, { short: SHORT, long: LONG, posix });
  const said: Said = { options: new Set() };
  for (const word of options) {
    if ('complaint' in word) {
      const line = complaintLine(program, word.complaint, word.option);
      return { what: 'refuse', text: Buffer.concat([line, Buffer.from(usage(program))]) };
    }
    if (word.option === '--help') return { what: 'help' };
    const problem = take(said, word.option, word.value ?? '');
    if (problem !== undefined) return refuse(`${problem}\n${usage(program)}`);
  }
  return operands.length > 0 ? refuse(usage(program)) : requestOf(said, program);
}

const refuse = (text: string): Request => ({ what: 'refuse', text: Buffer.from(text) });

/** Notes an option; what is wrong with its value, if something is. */
function take(said: Said, option: string, value: string): string | undefined {
  said.options.add(option);
  if (option === 'd' || option === 't') said.name = value;
  if (option === 'f') said.cloneDevice = value;
  if (option === 'n') said.mode = 'tun';
  if (option === 'p') said.mode = 'tap';
  if (option === '--carrier') said.carrier = value;
  if (option === 'u') {
    const uid = lookupUser(value)?.uid ?? idOf(value);
    if (uid === undefined) return unknownUser(value);
    said.owner = uid;
  }
  if (option === 'g') {
    const gid = lookupGroup(value)?.gid ?? idOf(value);
    if (gid === undefined) return unknownGroup(value);
    said.group = gid;
  }
  return undefined;
}

/**
 * A numeric uid or gid, negative ones counted from 2^32 down. Undefined where it is none: -1 too, which stands for "nobody"
 * in the kernel.
 */
function idOf(word: string): number | undefined {
  const number = integer(word) ?? -1;
  return number >= -(2 ** 31) && number < 2 ** 32 - 1 && number !== -1 ? number >>> 0 : undefined;
}

/** Which of our own options go with what; the C tool's all go together, for it takes what it needs and no more. */
function requestOf(said: Said, program: string): Request {
  const { options, name, cloneDevice, carrier, ...kind } = said;
  const together = (option: string, main: string): Request => refuse(misuse.together(program, option, main));
  const besides = (...allowed: string[]): string | undefined => [...options].find((each) => !allowed.includes(each));

  if (name !== undefined && illegible([name]) !== undefined) return refuse(misuse.name(program, name));
  if (options.has('--list')) {
    const stray = besides('--list', '--json');
    return stray === undefined ? { what: 'list', json: options.has('--json') } : together(stray, '--list');
  }
  if (options.has('--json')) return refuse(misuse.json(program));
  if (carrier !== undefined) {
    const stray = besides('--carrier', 't');
    if (stray !== undefined) return together(stray, '--carrier');
    if (carrier !== 'on' && carrier !== 'off') return refuse(misuse.carrier(program, carrier));
    return name === undefined ? refuse(misuse.noDevice(program)) : { what: 'carrier', name, carrier };
  }
  if (options.has('d')) {
    const stray = [...options].find((option) => option.startsWith('--'));
    return stray === undefined ? { what: 'delete', name: name ?? '', cloneDevice } : together(stray, '-d');
  }
  const device = {
    ...kind,
    ...(name !== undefined && { name }),
    ...(cloneDevice !== undefined && { cloneDevice }),
    multiQueue: options.has('--multi-queue'),
    vnetHeader: options.has('--vnet-hdr'),
  };
  return { what: 'create', brief: options.has('b'), device };
}
