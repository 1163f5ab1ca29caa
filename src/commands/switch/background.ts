import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, writeSync } from 'node:fs';
import { inBinary } from '../../lib/os/index.ts';
import type { Attachment } from '../../lib/switch/index.ts';

/** Tells the process in the background which descriptor to write to when it is ready. */
const READY_VARIABLE = 'UML_SWITCH_READY_FD';
const FIRST_FREE = 3;

/** The descriptor of `startInBackground`, in the process that it started. Asked for once. */
export function takeReadyFd(): number | undefined {
  const value = process.env[READY_VARIABLE];
  delete process.env[READY_VARIABLE];
  return value === undefined ? undefined : Number(value);
}

/** The process in the background serves: the command may return. */
export function reportReady(fd: number): void {
  process.chdir('/');
  writeSync(fd, '\n');
  closeSync(fd);
}

/**
 * A Node process can't fork: it starts itself once more, in a session of its own, and ends when that one has bound its
 * sockets and said so, or with its status if it could not. Descriptors that become ports go along.
 */
export async function startInBackground(attachments: readonly Attachment[]): Promise<number> {
  const [program = process.execPath, script = '', ...words] = process.argv;
  const handedOn = attachments.flatMap((each) => (each.kind === 'fd' && isOpen(each.fd) ? [each.fd] : []));
  const readyFd = Math.max(FIRST_FREE, ...handedOn.map((fd) => fd + 1));
  const child = spawn(program, inBinary ? words : [...process.execArgv, script, ...words], {
    ...(inBinary ? { argv0: script } : {}),
    env: { ...process.env, [READY_VARIABLE]: String(readyFd) },
    stdio: [
      'ignore',
      'inherit',
      'inherit',
      ...Array.from({ length: readyFd - FIRST_FREE }, (_, at) =>
        handedOn.includes(at + FIRST_FREE) ? at + FIRST_FREE : ('ignore' as const),
      ),
      'pipe',
    ],
    detached: true,
  });
  const ready = (child.stdio as readonly (NonNullable<(typeof child.stdio)[number]> | null)[])[readyFd]!;
  const ended = once(child, 'exit').then(([status]) => (status as number | null) ?? 1);
  const status = await Promise.race([once(ready, 'data').then(() => 0), ended]);
  ready.destroy();
  child.unref();
  return status;
}

/** Of a descriptor that is not open, the process in the background says so. */
function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return fd >= FIRST_FREE;
  } catch {
    return false;
  }
}
