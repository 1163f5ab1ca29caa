import { CowError } from '../../lib/cow/index.ts';

/** The exit statuses of `uml cow`, as its manual page has them. */
export const STATUS = {
  success: 0,
  /** It could not be done; nothing was changed, or what was begun is undone. */
  failure: 1,
  usage: 2,
  /** The answer is no: `diff` found a difference, `check` a problem that it did not repair. */
  no: 3,
  /** A file is in use. */
  inUse: 4,
} as const;

/** Says what went wrong on standard error. @returns the exit status */
export function report(error: unknown): number {
  if (!(error instanceof CowError)) throw error;
  process.stderr.write(`uml cow: ${error.message}${advice(error)}\n`);
  return error.code === 'locked' ? STATUS.inUse : STATUS.failure;
}

function advice({ code }: CowError): string {
  if (code === 'mtime-mismatch') return '; if it is the right file unchanged, `uml cow rebase --touch` mends the time';
  if (code === 'unproven') return '; --force takes it all the same';
  return '';
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A size for people: `8192 bytes`, `1.5 MiB`. */
export function sizeText(bytes: number): string {
  const unit = Math.min(Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)), UNITS.length - 1);
  const amount = bytes / 1024 ** unit;
  return `${Number.isInteger(amount) ? amount : amount.toFixed(1)} ${UNITS[unit]}`;
}
