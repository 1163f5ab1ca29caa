import { MconsoleError, type MconsoleReply } from '../../lib/mconsole/index.ts';
import { errorText } from '../../lib/os/index.ts';
import { UmidError } from '../../lib/umid/index.ts';

/** Exit statuses beside that of a refused command, which is the low byte of the reply's err (spec 4.2). */
export const STATUS = {
  success: 0,
  failure: 1,
  notFound: 2,
  noAnswer: 124,
  brokenPipe: 141,
  badDescriptor: 234,
} as const;

/** What carrying out one line came to. */
export interface Outcome {
  /** The instance, as the user named it. */
  instance: string;
  command: string;
  /** The exit status that it has as the only one. */
  status: number;
  /** What the C tool prints on standard output. */
  stdout: Uint8Array;
  /** Lines for standard error. */
  complaints: readonly string[];
  /** The instance's err, where it answered. */
  err?: number;
  /** The answer without OK and ERR. */
  text?: string;
  /** What went wrong on the way. */
  error?: { code: string; message: string };
}

/** Prints an outcome as the C tool does. */
export function printText({ stdout, complaints }: Outcome): void {
  for (const complaint of complaints) process.stderr.write(`${complaint}\n`);
  if (stdout.length > 0) process.stdout.write(stdout);
}

/** Prints an outcome as a line of JSON, and nothing else. */
export function printJson({ instance, command, status, err, text, error, complaints }: Outcome): void {
  const warnings = error || complaints.length === 0 ? undefined : complaints;
  const ok = status === STATUS.success;
  process.stdout.write(`${JSON.stringify({ instance, command, ok, status, err, text, error, warnings })}\n`);
}

/** The exit status for a reply. An err that is a multiple of 256 would look like success. */
export function statusOf({ err }: MconsoleReply): number {
  return err === 0 ? STATUS.success : err & 0xff || STATUS.failure;
}

/** What went wrong, in one line, and the exit status for it. */
export function failureOf(error: unknown): { status: number; line: string; code: string; message: string } {
  if (error instanceof UmidError && error.code === 'NOT_FOUND') {
    const tried = error.tried.length > 0 ? ` (looked for ${error.tried.join(', ')})` : '';
    const message = error.message + tried;
    return { status: STATUS.notFound, line: `uml_mconsole: ${message}`, code: error.code, message };
  }
  if (error instanceof MconsoleError) {
    const { code, message } = error;
    const status = code === 'TIMEOUT' || code === 'GONE' ? STATUS.noAnswer : STATUS.failure;
    return { status, line: code === 'SEND' ? message : `uml_mconsole: ${message}`, code, message };
  }
  const message = errorText(error);
  return { status: STATUS.failure, line: `uml_mconsole: ${message}`, code: 'SYSTEM', message };
}

/** Says what went wrong. The exit status for it. */
export function report(error: unknown): number {
  const { line, status } = failureOf(error);
  process.stderr.write(`${line}\n`);
  return status;
}
