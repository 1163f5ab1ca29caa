import { createServer, type Socket } from 'node:net';
import { listenAt } from '../control/listeners.ts';
import { type SocketAccess, unlinkBound } from '../control/sockets.ts';
import type { Managed } from './command.ts';
import { serveConnection } from './connection.ts';

const BACKLOG = 16;
const MOST_CONNECTIONS = 100;

/** The socket of the console. */
export interface ConsoleSocket {
  /** Serves whoever connects. */
  serve(managed: Managed): void;
  /** Ends all connections; what was answered still goes out. */
  close(): void;
  /** Removes the socket's file. @returns the errno that kept it */
  remove(): number | undefined;
}

/**
 * Makes the socket of a console. Who connects before `serve` waits until then.
 * @throws SwitchError LISTEN
 */
export function openConsole(path: string, access?: SocketAccess): ConsoleSocket {
  const bound = listenAt('console', 'stream', path, access);
  const server = createServer({ allowHalfOpen: true });
  server.maxConnections = MOST_CONNECTIONS;
  const open = new Set<Socket>();
  return {
    serve(managed) {
      server.on('connection', (socket) => {
        open.add(socket);
        socket.once('close', () => open.delete(socket));
        serveConnection(socket, managed).catch(() => socket.destroy());
      });
      server.listen({ fd: bound.fd, backlog: BACKLOG });
    },
    close() {
      server.close();
      for (const socket of open) socket.destroySoon();
    },
    remove: () => unlinkBound(bound),
  };
}
