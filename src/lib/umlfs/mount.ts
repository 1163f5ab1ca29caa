import { type MconsoleReply, request } from '../mconsole/index.ts';
import { UmlfsError } from './error.ts';
import { mountFuse } from './fuse.ts';

const COMMAND = 'umlfs';

/**
 * Whether an instance takes a FUSE descriptor: it is asked before anything is mounted. No kernel of the mainline does.
 * @throws MconsoleError
 */
async function servesUmlfs(socketPath: string, signal: AbortSignal | undefined): Promise<boolean> {
  const { err, text } = await request(socketPath, COMMAND, { signal });
  return err === 0 || text.trim() !== 'Unknown command';
}

export interface UmlfsMount {
  /** The management console of the instance. */
  socketPath: string;
  /** How /proc/mounts shows the instance. */
  name: string;
  mountpoint: string;
  /** Words of `-o`. */
  options: readonly string[];
  /** Gives it up: MconsoleError ABORTED, and nothing is mounted. */
  signal?: AbortSignal;
}

/**
 * Mounts the file system of an instance at a directory of the host (spec 11.4): a FUSE mount whose descriptor goes to the
 * instance with the command `umlfs`, so that its kernel is the server. What the instance answered.
 * @throws UmlfsError; OsError and errors of node:fs for the mount; MconsoleError
 */
export async function mountUmlfs(what: UmlfsMount): Promise<MconsoleReply> {
  const { socketPath, name, mountpoint, options, signal } = what;
  if (!(await servesUmlfs(socketPath, signal))) {
    throw new UmlfsError('UNKNOWN', `the kernel of '${name}' has no UMLFS, as no kernel of the mainline has`);
  }
  const mounted = await mountFuse(mountpoint, name, options);
  let taken = false;
  try {
    const { descriptor } = mounted;
    const reply = await request(socketPath, `${COMMAND} ${descriptor}`, { descriptor, signal });
    if (reply.err !== 0) throw new UmlfsError('REFUSED', reply.text);
    taken = true;
    return reply;
  } finally {
    if (taken) mounted.release();
    else mounted.undo();
  }
}
