import { DeviceError } from './error.ts';
import { leadingNumber } from './number.ts';

/** Disks of a machine, `ubda` to `ubdp` (MAX_DEV of arch/um/drivers/ubd_kern.c). */
export const UBD_COUNT = 16;
/** Minor numbers a disk: the disk itself and 15 partitions. */
const UBD_MINORS = 16;
const UBD_MAJOR = 98;
const MAX_FLAGS = 6;

/** One configured disk. */
export interface UbdConfig {
  readonly unit: number;
  /** The image, block device or COW file. */
  readonly file: string;
  /** The backing file, where one was named: then `file` is a COW file. */
  readonly backing: string | undefined;
  readonly serial: string | undefined;
  /** Flag `r`. */
  readonly readOnly: boolean;
  /** Flag `s`: each write reaches the host's disk before it is answered. */
  readonly sync: boolean;
  /** Flag `d`: the file is data, even if it starts like a COW file. */
  readonly data: boolean;
  /** Flag `c`: no locks on the host. */
  readonly shared: boolean;
  /** Flag `t`: no discard. */
  readonly noTrim: boolean;
}

/** What a `ubd…` word asks for. */
export type UbdWord =
  | { readonly kind: 'disk'; readonly disk: UbdConfig }
  /** A disk without a file: the slot stays empty. */
  | { readonly kind: 'unset'; readonly unit: number }
  /** `ubd=sync`: all disks are synchronous. */
  | { readonly kind: 'sync' }
  /** `ubd=<major>`, which nothing supports any more. */
  | { readonly kind: 'fake-major' };

/**
 * The unit number that a text starts with: a letter from a, or a decimal, hexadecimal or octal number. Not checked
 * against the number of disks. Undefined if it starts with neither.
 */
export function parseUnit(text: string): { unit: number; rest: string } | undefined {
  if (/^[a-z]/.test(text)) return { unit: text.charCodeAt(0) - 'a'.charCodeAt(0), rest: text.slice(1) };
  const number = leadingNumber(text);
  return number && { unit: number.value, rest: number.rest };
}

/**
 * Reads what stands after `ubd` on the command line or in mconsole's `config ubd…`: unit, flags, `=`, then file,
 * backing file and serial separated by `,` or `:` (spec 13.3, ubd_setup_common).
 * @param configured whether a unit is in use already
 * @throws DeviceError
 */
export function parseUbd(text: string, configured: (unit: number) => boolean): UbdWord {
  if (text.startsWith('=')) return { kind: text === '=sync' ? 'sync' : 'fake-major' };
  const start = parseUnit(text);
  if (!start) throw new DeviceError('unit-syntax');
  const { unit, rest } = start;
  if (unit >= UBD_COUNT) throw new DeviceError('unit-range');
  if (configured(unit)) throw new DeviceError('configured');
  const flags = parseFlags(rest);
  const [file, backing, serial] = rest.slice(flags.length + 1).split(/[,:]/);
  if (backing && flags.includes('d')) throw new DeviceError('data-with-cow');
  if (!file) return { kind: 'unset', unit };
  const disk: UbdConfig = {
    unit,
    file,
    backing: backing || undefined,
    serial: serial || undefined,
    readOnly: flags.includes('r'),
    sync: flags.includes('s'),
    data: flags.includes('d'),
    shared: flags.includes('c'),
    noTrim: flags.includes('t'),
  };
  return { kind: 'disk', disk };
}

/** The flag letters before the `=`. */
function parseFlags(text: string): string {
  const flags = /^[rsdct]*/.exec(text)![0];
  const next = text[flags.length];
  if (flags.length > MAX_FLAGS) throw new DeviceError(text[MAX_FLAGS + 1] === '=' ? 'too-many-flags' : 'no-equals');
  if (next !== '=') throw new DeviceError('flag');
  return flags;
}

/** The disk that UML uses for unit 0 when no `ubd0=` names another (ubd_kern.c). */
export const DEFAULT_ROOT: UbdConfig = {
  unit: 0,
  file: 'root_fs',
  backing: undefined,
  serial: undefined,
  readOnly: false,
  sync: false,
  data: false,
  shared: false,
  noTrim: false,
};

/** Which disk and partition (0: the whole disk) a `root=` argument names; undefined if it is none of the ubds. */
export function rootDisk(root: string): { unit: number; partition: number } | undefined {
  const name = /^(?:\/dev\/)?ubd([a-p])(\d{0,2})$/.exec(root);
  if (name) return { unit: parseUnit(name[1]!)!.unit, partition: Number(name[2]) };
  const numbers = /^(\d+):(\d+)$/.exec(root);
  if (!numbers || Number(numbers[1]) !== UBD_MAJOR) return undefined;
  const minor = Number(numbers[2]);
  const unit = Math.floor(minor / UBD_MINORS);
  return unit < UBD_COUNT ? { unit, partition: minor % UBD_MINORS } : undefined;
}
