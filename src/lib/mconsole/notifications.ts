import { rmSync } from 'node:fs';
import { bind, closeFd, receive, sendTo, unixSocket, watch, withPathAddress } from '../os/index.ts';
import { removeDeadSocket } from './dead-socket.ts';
import { MconsoleError } from './error.ts';
import { decodeNotification, encodeNotification, MAX_DATAGRAM, type Notification } from './protocol.ts';

export interface NotificationOptions {
  /** Ends the iteration. */
  signal?: AbortSignal;
}

/**
 * Listens on a new socket at `path` for what instances started with `mconsole=notify:<path>` tell. The socket is bound
 * when this returns; it is removed when a loop over the result ends, `return` is called, or the signal comes.
 * Datagrams that are no notifications are left out.
 * @throws MconsoleError IN_USE, NOT_A_SOCKET; OsError
 */
export function notifications(
  path: string,
  { signal }: NotificationOptions = {},
): AsyncIterableIterator<Notification, undefined> {
  removeDeadSocket(path);
  const fd = unixSocket('dgram');
  try {
    withPathAddress(path, (address) => bind(fd, address));
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  const queue: Notification[] = [];
  const buffer = Buffer.alloc(MAX_DATAGRAM);
  let open = true;
  let wake = () => {};
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
  const close = () => {
    if (!open) return;
    open = false;
    signal?.removeEventListener('abort', close);
    watcher.close();
    closeFd(fd);
    rmSync(path, { force: true });
    wake();
  };
  signal?.addEventListener('abort', close);
  if (signal?.aborted) close();

  return {
    async next() {
      while (open) {
        const value = queue.shift();
        if (value) return { value, done: false };
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return { value: undefined, done: true };
    },
    async return() {
      close();
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
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
    const datagram = encodeNotification(notification);
    if (withPathAddress(path, (address) => sendTo(fd, datagram, address)) === undefined) {
      throw new MconsoleError('SEND', `'${path}' takes no more notifications for now`);
    }
  } finally {
    closeFd(fd);
  }
}
