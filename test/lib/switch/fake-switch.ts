import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { bind, closeFd, receive, sendTo, type UnixAddress, unixSocket } from '../../../src/lib/os/index.ts';
import { dataAddress } from '../../../src/lib/switch/protocol.ts';
import { temporaryDirectory } from '../../support/run.ts';

/** A switch of one client that answers and reads only when the test says so. */
export interface FakeSwitch {
  path: string;
  address: UnixAddress;
  /** The next connection on the control socket. */
  connection(): Promise<Socket>;
  /** The next frame in the data socket's queue, with its sender; undefined if none waits. */
  take(): { frame: Buffer; from: UnixAddress } | undefined;
  /** False if the receiver's queue is full. */
  give(frame: Uint8Array, to: UnixAddress): boolean;
  close(): void;
}

let names = 0;

export async function fakeSwitch(): Promise<FakeSwitch> {
  const path = join(temporaryDirectory(), 'ctl');
  const data = unixSocket('dgram');
  const address = dataAddress(-process.pid, names++);
  bind(data, address);
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  const buffer = Buffer.alloc(70_000);
  return {
    path,
    address,
    connection: async () => (await once(server, 'connection'))[0] as Socket,
    take() {
      const datagram = receive(data, buffer);
      return datagram && { frame: Buffer.from(buffer.subarray(0, datagram.length)), from: datagram.from };
    },
    give: (frame, to) => sendTo(data, frame, to) !== undefined,
    close() {
      server.close();
      closeFd(data);
    },
  };
}
