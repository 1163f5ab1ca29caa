import { constants } from 'node:os';
import { OsError, type UnixAddress } from '../../os/index.ts';
import type { Forwarder, Link } from '../plane/forwarder.ts';
import { BATCH, type FrameSlots } from '../plane/frame-slots.ts';
import type { Reporter } from '../plane/reporter.ts';
import type { Backlog } from './backlog.ts';
import { DaemonSender } from './daemon-sender.ts';
import type { Inbox } from './inbox.ts';
import type { LinkParts } from './index.ts';
import type { PortNames } from './port-names.ts';

const { EAGAIN, EINTR } = constants.errno;

/**
 * The clients of the daemon transport, all behind one datagram socket: a frame's port is told by the address that it
 * came from, byte for byte (spec 8.4). Batches come and go by recvmmsg and sendmmsg; frames are never copied.
 */
export class DaemonLink implements Link {
  readonly fd: number;
  /** How many frames `take` takes at most: BATCH or fewer. */
  most = BATCH;
  readonly #slots: FrameSlots;
  readonly #forwarder: Forwarder;
  readonly #reporter: Reporter;
  readonly #inbox: Inbox;
  readonly #names: PortNames;
  readonly #backlog: Backlog;
  readonly #sender: DaemonSender;

  constructor(fd: number, parts: LinkParts) {
    this.fd = fd;
    this.#slots = parts.slots;
    this.#forwarder = parts.forwarder;
    this.#reporter = parts.reporter;
    this.#inbox = parts.namedInbox;
    this.#names = parts.names;
    this.#backlog = parts.backlog;
    this.#sender = new DaemonSender(fd, parts);
  }

  /** A new port; `address` has 110 bytes. */
  add(port: number, address: UnixAddress): void {
    this.#names.add(port, address);
  }

  remove(port: number): void {
    this.#names.remove(port);
    this.#backlog.forget(port);
  }

  take(wait: 'wait' | 'poll'): number {
    const count = this.#inbox.take(this.fd, this.most, wait);
    if (count < 0 && count !== -EAGAIN && count !== -EINTR) throw new OsError('recvmmsg', -count);
    return Math.max(0, count);
  }

  pass(count: number): void {
    for (let slot = 0; slot < count; slot++) {
      const length = this.#inbox.length(slot);
      const nameLength = this.#inbox.nameLength(slot);
      if (length === 0) continue; // it only woke us
      const port = this.#names.find(this.#inbox.name(slot), nameLength);
      if (port < 0) this.#reporter.stranger();
      else this.#forwarder.forward(port, this.#slots.offset(slot), length);
    }
  }

  send(port: number, offset: number, length: number): void {
    this.#sender.send(port, offset, length);
  }

  flush(): void {
    this.#sender.flush();
  }
}
