import { constants } from 'node:os';
import { accept, closeFd, errnoOf, OsError, watch } from '../../os/index.ts';
import type { SwitchEvent } from '../events.ts';
import type { Ports } from './ports.ts';

/** How long no connection is accepted after one could not be, in ms: the kernel would report it again and again. */
const PAUSE_MS = 1000;

/**
 * Accepts connections, with a port's number for each of them.
 * @param fd the listening socket, non-blocking
 * @param admit takes over the connection and the number, which is reserved
 * @returns a function that stops; the listening socket stays the caller's
 */
export function acceptConnections(
  fd: number,
  ports: Ports,
  onEvent: (event: SwitchEvent) => void,
  admit: (client: number, port: number) => void,
): () => void {
  const listener = watch(fd, { readable: acceptAll });
  let pause: NodeJS.Timeout | undefined;

  function acceptAll(): void {
    try {
      for (let client = accept(fd); client !== undefined; client = accept(fd)) {
        const port = ports.reserve();
        if (port === undefined) {
          closeFd(client);
          throw new OsError('accept', constants.errno.EMFILE);
        }
        admit(client, port);
      }
    } catch (error) {
      onEvent({ event: 'accept-failed', errno: errnoOf(error) ?? 0 });
      listener.set({});
      pause = setTimeout(() => listener.set({ readable: acceptAll }), PAUSE_MS);
    }
  }

  return () => {
    clearTimeout(pause);
    listener.close();
  };
}
