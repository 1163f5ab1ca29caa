import {
  bind,
  closeFd,
  hasCode,
  listen,
  SOCKADDR_UN_SIZE,
  setSendBuffer,
  setStatusFlags,
  socketAddress,
  statusFlags,
  type UnixAddress,
  unixSocket,
} from '../os/index.ts';
import { Ports } from './control/ports.ts';
import { serveControl } from './control/serve.ts';
import { type BoundSocket, bindPath, unlinkBound } from './control/sockets.ts';
import { Counters } from './counters.ts';
import { type SocketTrouble, SwitchError } from './error.ts';
import type { SwitchEvent } from './events.ts';
import { openTap } from './attach/tap.ts';
import { MAX_PORTS } from './plane/forwarder.ts';
import { startPlane } from './plane/thread.ts';
import { dataAddress } from './protocol.ts';

const BACKLOG = 15;
const O_NONBLOCK = 0o4000;
/**
 * Frames in the receivers' queues count against the sender's buffer: with the default one, a few clients that do not
 * read would keep the switch from sending to all others. In bytes; without CAP_NET_ADMIN the kernel grants 0.4 MiB.
 */
const SEND_BUFFER = 32 * 1024 * 1024;

export interface SwitchOptions {
  kind: 'switch' | 'hub';
  /** Path of the control socket. */
  control: string;
  /** Path of the data socket, which clients of version 0 have to know. Without it, it has an abstract name. */
  data?: string | undefined;
  /** Name of a tap device of the host that becomes a port. */
  tap?: string | undefined;
  onEvent: (event: SwitchEvent) => void;
  /** The switch can't go on; it should be closed. */
  onFailure: (error: SwitchError) => void;
}

export interface Switch {
  /** Begins to serve. Clients that connected before wait until then. */
  run(): void;
  /** Disconnects everybody and stops; the socket files stay. */
  close(): Promise<void>;
  /** Removes the socket files. What could not be removed, and why. */
  removeSockets(): { socket: 'control' | 'data'; path: string; errno: number }[];
}

/**
 * Makes the sockets of a switch, so that clients can connect, and opens its tap device.
 * @throws SwitchError SOCKETS or TAP; nothing is left behind then
 */
export function openSwitch(options: SwitchOptions): Switch {
  const { control, data, dataFd } = openSockets(options.control, options.data);
  const bound = data ? { control, data } : { control };
  let tapFd: number | undefined;
  try {
    if (options.tap !== undefined) tapFd = openTap(options.tap);
  } catch (error) {
    for (const each of Object.values(bound)) unlinkBound(each);
    closeFd(control.fd);
    closeFd(dataFd);
    throw error;
  }
  let stop: (() => Promise<void>) | undefined;
  return {
    run() {
      stop = serve(options, control.fd, dataFd, tapFd);
    },
    async close() {
      await stop?.();
      for (const fd of [control.fd, dataFd, ...(tapFd === undefined ? [] : [tapFd])]) closeFd(fd);
    },
    removeSockets: () =>
      (['control', 'data'] as const).flatMap((socket) => {
        const file = socket === 'control' ? control : data;
        const errno = file && unlinkBound(file);
        return errno === undefined ? [] : [{ socket, path: file!.path, errno }];
      }),
  };
}

interface Sockets {
  control: BoundSocket;
  /** The data socket's file, if it has one. */
  data: BoundSocket | undefined;
  dataFd: number;
}

function openSockets(controlPath: string, dataPath: string | undefined): Sockets {
  const control = bindPath('stream', controlPath);
  const data = dataPath === undefined ? undefined : bindPath('dgram', dataPath);
  if (isTrouble(control) || isTrouble(data)) {
    for (const each of [control, data]) {
      if (each === undefined || isTrouble(each)) continue;
      unlinkBound(each);
      closeFd(each.fd);
    }
    throw new SwitchError({
      code: 'SOCKETS',
      control: isTrouble(control) ? control : undefined,
      data: isTrouble(data) ? data : undefined,
    });
  }
  listen(control.fd, BACKLOG);
  const dataFd = data?.fd ?? abstractSocket();
  setStatusFlags(dataFd, statusFlags(dataFd) & ~O_NONBLOCK); // the frames' thread sleeps in it
  setSendBuffer(dataFd, SEND_BUFFER);
  return { control, data, dataFd };
}

function isTrouble(outcome: BoundSocket | SocketTrouble | undefined): outcome is SocketTrouble {
  return outcome !== undefined && 'reason' in outcome;
}

/** A data socket with a name of our own: the pid, and the first count from the clock's microseconds on that is free. */
function abstractSocket(): number {
  const fd = unixSocket('dgram');
  for (let usecs = Math.trunc(performance.now() * 1000) % 1_000_000; ; usecs++) {
    try {
      bind(fd, dataAddress(process.pid, usecs));
      return fd;
    } catch (error) {
      if (!hasCode(error, 'EADDRINUSE')) throw error;
    }
  }
}

/** Starts the thread of the frames and serves the control socket. Gives the function that ends both. */
function serve(
  { kind, tap: tapName, onEvent, onFailure }: SwitchOptions,
  controlFd: number,
  dataFd: number,
  tapFd: number | undefined,
): () => Promise<void> {
  const counters = new Counters(MAX_PORTS);
  const plane = startPlane({
    kind,
    dataFd,
    counters,
    onReport: (report) => ports.handle(report),
    onFailure: (error) => onFailure(new SwitchError({ code: 'PLANE', reason: error.message })),
  });
  const ports = new Ports(plane, counters, onEvent);
  if (tapFd !== undefined) {
    const port = ports.reserve()!;
    void ports.add(port, 'tap', tapName ?? '', { kind: 'tap', fd: tapFd }, () => {});
    onEvent({ event: 'connected', port });
  }
  const closeControl = serveControl({
    fd: controlFd,
    dataAddress: wholeAddress(socketAddress(dataFd)),
    ports,
    onEvent,
  });
  return () => {
    closeControl();
    return plane.stop();
  };
}

/** All 110 bytes, as clients of the protocol expect them. */
function wholeAddress(address: UnixAddress): UnixAddress {
  const whole = Buffer.alloc(SOCKADDR_UN_SIZE);
  whole.set(address);
  return whole;
}
