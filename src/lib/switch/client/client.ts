/** The guest's side of a switch port, as drivers/daemon_user.c of the UML kernel has it (spec 8.4). */
import { constants } from 'node:os';
import {
  bind,
  closeFd,
  connect,
  type Datagram,
  errnoOf,
  hasCode,
  pathAddress,
  readFd,
  receive,
  SOCKADDR_UN_SIZE,
  send,
  sendTo,
  type UnixAddress,
  unixSocket,
  watch,
} from '../../os/index.ts';
import { DaemonError, type DaemonErrorCode } from '../error.ts';
import { dataAddress, encodeRequestV3 } from '../protocol.ts';
import { watchRoom } from './room.ts';

/** How long a switch may take to answer, in ms: a stopped one must not hold up a boot for ever. */
const ANSWER_MS = 10_000;
/** How often a connection that found the switch's backlog full is tried again, in ms. */
const RETRY_MS = 10;
/** Frames held back while the switch's queue (11 by the kernel's default) is full: as many as a guest's own queue has. */
const QUEUE_FRAMES = 1024;
/** Frames taken in one go, so that a flood leaves the event loop its turn. */
const DRAIN_FRAMES = 256;
/** More than any frame: a longer datagram would be cut here and is dropped. */
const FRAME_BUFFER = 65_536;

export interface DaemonOptions {
  /** The switch's control socket. */
  path: string;
  /** A frame came. The bytes are those of a shared buffer: copy what must outlive the call. */
  onFrame: (frame: Uint8Array) => void;
  /** The switch went away: it closed the control connection. Not called after `close()`. */
  onClose: () => void;
}

/** A port of a switch, seen from the guest. */
export interface DaemonPort {
  /**
   * Sends a frame; what the switch can't take yet is copied and sent in order as soon as it can.
   * @returns false if the frame was dropped: the queue is full, or the switch is gone
   */
  send(frame: Uint8Array): boolean;
  /** Leaves the switch, dropping frames that still wait. */
  close(): void;
}

/**
 * Attaches a new port to the switch at `path`, by version 3 of its protocol: to uml_switch, ours or the C one, or to
 * vde_switch.
 * @throws DaemonError with the kernel's text for the step that failed
 */
export async function connectDaemon({ path, onFrame, onClose }: DaemonOptions): Promise<DaemonPort> {
  const deadline = Date.now() + ANSWER_MS;
  const control = step('CONTROL_SOCKET', () => unixSocket('stream'));
  let data: number | undefined;
  try {
    await connectControl(control, path, deadline);
    data = step('DATA_SOCKET', () => unixSocket('dgram'));
    const own = bindData(data);
    step('SETUP_REQUEST', () => send(control, encodeRequestV3(own)));
    const peer = await readReply(control, deadline);
    return openPort(control, data, peer, onFrame, onClose);
  } catch (error) {
    if (data !== undefined) closeFd(data);
    closeFd(control);
    throw error;
  }
}

async function connectControl(fd: number, path: string, deadline: number): Promise<void> {
  for (;;) {
    try {
      connect(fd, pathAddress(path));
      return;
    } catch (error) {
      if (!hasCode(error, 'EAGAIN') || Date.now() > deadline) throw daemonError('CONTROL_CONNECT', error);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Binds the data socket to a name made of the pid and a count that starts at the clock's microseconds. */
function bindData(fd: number): UnixAddress {
  for (let usecs = Math.trunc((performance.timeOrigin + performance.now()) * 1000) % 1_000_000; ; usecs++) {
    const address = dataAddress(process.pid, usecs);
    try {
      bind(fd, address);
      return address;
    } catch (error) {
      // Another interface of this process, or another pid namespace's, took that very microsecond.
      if (!hasCode(error, 'EADDRINUSE')) throw daemonError('DATA_BIND', error);
    }
  }
}

/** The address of the switch's data socket, which it answers with; nothing is read past it. */
function readReply(control: number, deadline: number): Promise<UnixAddress> {
  const reply = Buffer.alloc(SOCKADDR_UN_SIZE);
  let length = 0;
  return new Promise((resolve, reject) => {
    const watcher = watch(control, {
      readable() {
        try {
          const n = readFd(control, reply.subarray(length));
          if (n === undefined) return;
          if (n === 0) return finish(() => reject(new DaemonError('DATA_READ', constants.errno.ENOTCONN)));
          length += n;
          if (length === reply.length) finish(() => resolve(reply));
        } catch (error) {
          finish(() => reject(daemonError('DATA_READ', error)));
        }
      },
    });
    const timer = setTimeout(
      () => finish(() => reject(new DaemonError('DATA_READ', constants.errno.ETIMEDOUT))),
      deadline - Date.now(),
    );
    function finish(settle: () => void): void {
      watcher.close();
      clearTimeout(timer);
      settle();
    }
  });
}

const frames = Buffer.allocUnsafeSlow(FRAME_BUFFER);

function openPort(
  control: number,
  data: number,
  peer: UnixAddress,
  onFrame: DaemonOptions['onFrame'],
  onClose: DaemonOptions['onClose'],
): DaemonPort {
  const waiting: Uint8Array[] = [];
  let open = true;
  const lifeLine = watch(control, { readable: serveControl });
  const frameLine = watch(data, { readable: receiveFrames });
  const room = watchRoom(peer, sendWaiting);

  function serveControl(): void {
    if (!open || stillConnected(control)) return;
    close();
    onClose();
  }

  function receiveFrames(): void {
    for (let taken = 0; open && taken < DRAIN_FRAMES; taken++) {
      const datagram = receiveDatagram(data);
      if (datagram === undefined) return;
      const { length, from } = datagram;
      if (length > 0 && length < FRAME_BUFFER && isSame(from, peer)) onFrame(frames.subarray(0, length));
    }
  }

  function sendWaiting(): void {
    let sent = 0;
    for (const frame of waiting) {
      if (trySend(data, frame, peer) === 'full') break;
      sent++;
    }
    waiting.splice(0, sent);
    if (waiting.length === 0) room.pause();
  }

  function close(): void {
    if (!open) return;
    open = false;
    waiting.length = 0;
    room.close();
    lifeLine.close();
    frameLine.close();
    closeFd(control);
    closeFd(data);
  }

  return {
    send(frame) {
      if (!open) return false;
      if (waiting.length === 0) {
        const result = trySend(data, frame, peer);
        if (result !== 'full') return result === 'sent';
        room.await();
      } else if (waiting.length >= QUEUE_FRAMES) return false;
      waiting.push(new Uint8Array(frame));
      return true;
    },
    close,
  };
}

/** What came, undefined if nothing waits; an error that a dead switch left on the socket counts as nothing. */
function receiveDatagram(fd: number): Datagram | undefined {
  try {
    return receive(fd, frames);
  } catch {
    return undefined;
  }
}

/** Whether a frame is from the switch. Abstract names are open to every user of the host, so others could send some. */
function isSame(from: UnixAddress, peer: UnixAddress): boolean {
  const length = peer[2] === 0 ? peer.length : pathEnd(peer);
  if ((peer[2] === 0 ? from.length : pathEnd(from)) !== length) return false;
  for (let at = 0; at < length; at++) {
    if (from[at] !== peer[at]) return false;
  }
  return true;
}

function pathEnd(address: UnixAddress): number {
  const end = address.indexOf(0, 2);
  return end < 0 ? address.length : end;
}

/** A switch says nothing more on the control stream (vde_switch may); its end is the end of the port. */
function stillConnected(control: number): boolean {
  const scrap = Buffer.alloc(128);
  try {
    return readFd(control, scrap) !== 0;
  } catch {
    return false;
  }
}

/** A frame that can never be sent (its switch is gone, it is longer than the socket takes) is lost, as on a wire. */
function trySend(fd: number, frame: Uint8Array, peer: UnixAddress): 'sent' | 'full' | 'lost' {
  try {
    return sendTo(fd, frame, peer) === undefined ? 'full' : 'sent';
  } catch {
    return 'lost';
  }
}

function step<T>(code: DaemonErrorCode, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw daemonError(code, error);
  }
}

function daemonError(code: DaemonErrorCode, cause: unknown): DaemonError {
  return new DaemonError(code, errnoOf(cause) ?? 0, cause);
}
