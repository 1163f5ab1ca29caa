import { once } from 'node:events';
import { errnoOf, errorText } from '../../lib/os/index.ts';
import { TtyLogError } from '../../lib/tty-log/index.ts';

export const FAILED = 1;

/** Writes to standard output, waiting while its reader is behind. */
export async function print(bytes: Uint8Array | string): Promise<void> {
  if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
}

export function complain(line: string): number {
  process.stderr.write(`${line}\n`);
  return FAILED;
}

/**
 * Says what is wrong with a log. The exit status for it: where it can't be opened the errno, as Perl's die has it.
 * @throws what is not about the log, e.g. that the output can't be written
 */
export function report(file: string, error: unknown): number {
  if (error instanceof TtyLogError) return complain(`${file}: ${error.message}`);
  const errno = errnoOf(error);
  if (errno === undefined || isAboutOutput(error)) throw error;
  complain(`Couldn't open ${file} : ${errorText(error)}`);
  return errno;
}

function isAboutOutput(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === 'write';
}

/** A tty's number as it is given: decimal as playlog.pl, or as the tools print it, 0x…; undefined if it is none. */
export function ttyOf(word: string): number | undefined {
  if (!/^(0x[\da-f]+|\d+)$/i.test(word)) return undefined;
  return Number(word) < 2 ** 32 ? Number(word) : undefined;
}
