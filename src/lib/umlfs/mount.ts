import { type MconsoleReply, request } from '../mconsole/index.ts';
import { UmlfsError } from './error.ts';
import { type FuseMount, mountFuse } from './fuse.ts';

const COMMAND = 'umlfs';

/**
 * Whether an instance takes a FUSE descriptor: it is asked before anything is mounted. No kernel of the mainline does.
 * @throws MconsoleError
 */
export async function servesUmlfs(socketPath: string): Promise<boolean> {
  const { err, text } = await request(socketPath, COMMAND);
  return err === 0 || text.trim() !== 'Unknown command';
}

/**
 * Mounts the file system of an instance at a directory of the host (spec 11.4): a FUSE mount whose descriptor goes to the
 * instance with the command `umlfs`, so that its kernel is the server. What the instance answered.
 * @param name how /proc/mounts shows it
 * @param options words of `-o`
 * @throws UmlfsError; OsError and errors of node:fs for the mount; MconsoleError
 */
export async function mountUmlfs(
  socketPath: string,
  name: string,
  mountpoint: string,
  options: readonly string[],
): Promise<MconsoleReply> {
  if (!(await servesUmlfs(socketPath))) {
    throw new UmlfsError('UNKNOWN', `the kernel of '${name}' has no UMLFS, as no kernel of the mainline has`);
  }
  const mounted = await mountFuse(mountpoint, name, options);
  const reply = await offer(socketPath, mounted);
  if (reply.err !== 0) throw new UmlfsError('REFUSED', reply.text);
  return reply;
}

/** The instance's answer to the descriptor. The mount stays only if it was taken. */
async function offer(socketPath: string, mounted: FuseMount): Promise<MconsoleReply> {
  let taken = false;
  try {
    const { descriptor } = mounted;
    const reply = await request(socketPath, `${COMMAND} ${descriptor}`, { descriptor });
    taken = reply.err === 0;
    return reply;
  } finally {
    if (taken) mounted.release();
    else mounted.undo();
  }
}
