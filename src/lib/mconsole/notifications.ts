import { unlinkSync } from 'node:fs';
import { bind, closeFd, pathAddress, receive, sendTo, unixSocket, watch } from '../os/index.ts';
import { removeDeadSocket } from './dead-socket.ts';
import { MconsoleError } from './error.ts';
import { decodeNotification, encodeNotification, MAX_DATAGRAM, type Notification } from './protocol.ts';

export interface NotificationOptions {
  /** Ends the iteration. */
  signal?: AbortSignal;
}

/**
 * Listens on a new socket at `path` for what instances started with `mconsole=notify:<path>` tell, until the loop over
 * it ends or the signal comes; the socket is removed then. It is bound when this returns. Datagrams that are no
 * notifications are left out.
 * @throws MconsoleError IN_USE, NOT_A_SOCKET; OsError
 */
export function notifications(path: string, { signal }: NotificationOptions = {}): AsyncGenerator<Notification, void> {
  removeDeadSocket(path);
  const fd = unixSocket('dgram');
  try {
    bind(fd, pathAddress(path));
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  return iterate(fd, path, signal);
}

async function* iterate(fd: number, path: string, signal: AbortSignal | undefined): AsyncGenerator<Notification, void> {
  let wake = () => {};
  const queue: Notification[] = [];
  const buffer = Buffer.alloc(MAX_DATAGRAM);
  const watcher = watch(fd, {
    readable() {
      for (let datagram = receive(fd, buffer); datagram; datagram = receive(fd, buffer)) {
        const bytes = buffer.subarray(0, Math.min(datagram.length, buffer.length));
        const notification = decoded(Buffer.from(bytes));
        if (notification) queue.push(notification);
      }
      wake();
    },
  });
  const onAbort = () => wake();
  signal?.addEventListener('abort', onAbort);
  try {
    while (!signal?.aborted) {
      const next = queue.shift();
      if (next) {
        yield next;
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    watcher.close();
    closeFd(fd);
    unlinkSync(path);
  }
}

function decoded(datagram: Uint8Array): Notification | undefined {
  try {
    return decodeNotification(datagram);
  } catch (error) {
    if (error instanceof MconsoleError) return undefined;
    throw error;
  }
}

/**
 * Tells the socket of `mconsole=notify:` something, without waiting for it.
 * @throws OsError, e.g. ECONNREFUSED or ENOENT where nobody listens; MconsoleError SEND where the listener's queue is full
 */
export function notify(path: string, notification: Notification): void {
  const fd = unixSocket('dgram');
  try {
    if (sendTo(fd, encodeNotification(notification), pathAddress(path)) === undefined) {
      throw new MconsoleError('SEND', `'${path}' takes no more notifications for now`);
    }
  } finally {
    closeFd(fd);
  }
}
