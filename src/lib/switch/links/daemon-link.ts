import { constants } from 'node:os';
import { MMSGHDR, OsError, receiveBatch, type UnixAddress } from '../../os/index.ts';
import type { Forwarder, Link } from '../plane/forwarder.ts';
import { BATCH, type FrameSlots, SLOT_SIZE } from '../plane/frame-slots.ts';
import type { Reporter } from '../plane/reporter.ts';
import { DaemonSender } from './daemon-sender.ts';
import { DatagramHeaders } from './datagram-headers.ts';
import type { LinkContext } from './index.ts';
import { NAME_STRIDE, PortNames } from './port-names.ts';

const { EAGAIN, EINTR } = constants.errno;

/**
 * The clients of the daemon transport, all behind one datagram socket: a frame's port is told by the address that it
 * came from, byte for byte (spec 8.4). Batches come and go by recvmmsg and sendmmsg; frames are never copied.
 */
export class DaemonLink implements Link {
  readonly fd: number;
  readonly #slots: FrameSlots;
  readonly #forwarder: Forwarder;
  readonly #reporter: Reporter;
  readonly #senders: number;
  readonly #headers: DatagramHeaders;
  readonly #names: PortNames;
  readonly #sender: DaemonSender;

  constructor(fd: number, { memory, slots, forwarder, reporter, counters }: LinkContext) {
    this.fd = fd;
    this.#slots = slots;
    this.#forwarder = forwarder;
    this.#reporter = reporter;
    this.#senders = memory.take(BATCH * NAME_STRIDE);
    this.#headers = new DatagramHeaders(memory, BATCH, {
      name: (slot) => this.#senders + slot * NAME_STRIDE,
      frame: (slot) => slots.offset(slot),
      length: SLOT_SIZE,
    });
    this.#names = new PortNames(memory);
    this.#sender = new DaemonSender(fd, memory, this.#names, slots.offset(0), reporter, counters);
  }

  /** A new port; `address` has 110 bytes. */
  add(port: number, address: UnixAddress): void {
    this.#names.add(port, address);
  }

  remove(port: number): void {
    this.#names.remove(port);
    this.#sender.remove(port);
  }

  take(wait: 'wait' | 'poll'): number {
    const count = receiveBatch(this.fd, this.#headers.address(0), BATCH, wait);
    if (count < 0 && count !== -EAGAIN && count !== -EINTR) throw new OsError('recvmmsg', -count);
    return Math.max(0, count);
  }

  pass(count: number): void {
    for (let slot = 0; slot < count; slot++) {
      const length = this.#headers.get(slot, MMSGHDR.length);
      const nameLength = this.#headers.get(slot, MMSGHDR.nameLength);
      this.#headers.resetName(slot);
      if (length === 0) continue; // it only woke us
      const port = this.#names.find(this.#senders + slot * NAME_STRIDE, nameLength);
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
