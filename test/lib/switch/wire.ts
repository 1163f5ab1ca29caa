/** Clients of a switch made of bare sockets: what the black-box tests speak, independent of our own client. */
import {
  bind,
  closeFd,
  connect,
  pathAddress,
  readFd,
  receive,
  send,
  sendTo,
  type UnixAddress,
  unixSocket,
  watch,
} from '../../../src/lib/os/index.ts';

/** Only ends what hangs: a busy machine may stand still for a minute. */
const PATIENCE_MS = 120_000;

/** A connection to a control socket. */
export class Control {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = unixSocket('stream');
    connect(this.#fd, pathAddress(path));
  }

  send(bytes: Uint8Array): this {
    send(this.#fd, bytes);
    return this;
  }

  /** All that the switch says until it hangs up, or until there are `length` bytes. */
  async read(length = Number.POSITIVE_INFINITY): Promise<Buffer> {
    const buffer = Buffer.alloc(256);
    let all = Buffer.alloc(0);
    while (all.length < length) {
      const n = await wait(this.#fd, () => readFd(this.#fd, buffer));
      if (n === 0) break;
      all = Buffer.concat([all, buffer.subarray(0, n)]);
    }
    return all;
  }

  close(): void {
    closeFd(this.#fd);
  }
}

/** Waits for a descriptor until the attempt gives something. */
function wait<T>(fd: number, attempt: () => T | undefined): Promise<T> {
  const value = attempt();
  if (value !== undefined) return Promise.resolve(value);
  const tooLate = new Error(`nothing came in ${PATIENCE_MS} ms`); // made here, where the stack tells who waits
  return new Promise((resolve, reject) => {
    const watcher = watch(fd, {
      readable() {
        const now = attempt();
        if (now === undefined) return;
        clearTimeout(timer);
        watcher.close();
        resolve(now);
      },
    });
    const timer = setTimeout(() => {
      watcher.close();
      reject(tooLate);
    }, PATIENCE_MS);
  });
}

/** The next datagram that comes to a socket. */
export function nextDatagram(fd: number): Promise<Buffer> {
  const buffer = Buffer.alloc(70_000);
  return wait(fd, () => {
    const datagram = receive(fd, buffer);
    return datagram && buffer.subarray(0, datagram.length);
  });
}

const MAGIC = 0xfeedface;
let names = 0;

/** The 110 bytes of a new abstract address, as UML makes it, with bytes after the name that are not zero. */
export function newAddress(): Buffer {
  const address = Buffer.alloc(110);
  address.writeUInt16LE(1, 0);
  address.writeInt32LE(process.pid, 6);
  address.writeInt32LE(1_000_000 + names++, 10);
  address.set([0x80, 0x3b, 0x11, 0x9e], 70);
  return address;
}

/** A request of version 3 (also with another version number or type), 124 bytes. */
export function requestV3(address: Uint8Array, { version = 3, type = 0 } = {}): Buffer {
  const request = Buffer.alloc(124);
  request.writeUInt32LE(MAGIC, 0);
  request.writeUInt32LE(version, 4);
  request.writeUInt32LE(type, 8);
  request.set(address, 12);
  return request;
}

/** A request of version 1: magic, type, MAC, address. */
export function requestV1(address: Uint8Array): Buffer {
  const request = Buffer.alloc(124);
  request.writeUInt32LE(MAGIC, 0);
  request.set(address, 14);
  return request;
}

/** A request of version 0: type, MAC, address; 120 bytes. */
export function requestV0(address: Uint8Array): Buffer {
  const request = Buffer.alloc(120);
  request.set(address, 10);
  return request;
}

/** A guest: a registered port, or with `stranger` one that only knows where the frames go. */
export class Guest {
  readonly #control: Control | undefined;
  readonly #data: number;
  /** Where the switch receives frames. */
  readonly switchAddress: UnixAddress;

  private constructor(control: Control | undefined, data: number, switchAddress: UnixAddress) {
    this.#control = control;
    this.#data = data;
    this.switchAddress = switchAddress;
  }

  static async join(path: string, request = requestV3): Promise<Guest> {
    const address = newAddress();
    const data = unixSocket('dgram');
    bind(data, address);
    const control = new Control(path).send(request(address));
    return new Guest(control, data, await control.read(110));
  }

  /** A client of version 0, which is not answered: it knows the path of the data socket. */
  static joinV0(path: string, dataPath: string): Guest {
    const address = newAddress();
    const data = unixSocket('dgram');
    bind(data, address);
    return new Guest(new Control(path).send(requestV0(address)), data, pathAddress(dataPath));
  }

  static stranger(switchAddress: UnixAddress): Guest {
    return new Guest(undefined, unixSocket('dgram'), switchAddress);
  }

  /** The pid that the switch put into its address. */
  get switchPid(): number {
    return Buffer.from(this.switchAddress).readInt32LE(6);
  }

  send(frame: Uint8Array): void {
    if (sendTo(this.#data, frame, this.switchAddress) === undefined) throw new Error('the switch does not keep up');
  }

  /** Sends when the switch has room for it. */
  async sendPatiently(frame: Uint8Array): Promise<void> {
    while (sendTo(this.#data, frame, this.switchAddress) === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next frame. */
  next(): Promise<Buffer> {
    return nextDatagram(this.#data);
  }

  /** Says something on the control stream. */
  say(bytes: Uint8Array): void {
    this.#control?.send(bytes);
  }

  /** Resolves when the switch hangs up. */
  async hungUp(): Promise<void> {
    await this.#control?.read();
  }

  leave(): void {
    this.#control?.close();
    closeFd(this.#data);
  }
}

/** Ethernet address 02:00:00:00:00:xx. */
export const mac = (n: number): Buffer => Buffer.from([2, 0, 0, 0, 0, n]);
export const broadcast = Buffer.alloc(6, 0xff);

let serial = 0;
/** A frame, each with other contents. */
export function frame(to: Buffer, from: Buffer, length = 60): Buffer {
  const bytes = Buffer.alloc(length, 1 + (serial++ % 255));
  Buffer.concat([to, from, Buffer.from([8, 0])]).copy(bytes);
  return bytes;
}
