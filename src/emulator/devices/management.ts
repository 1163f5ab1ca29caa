import { gather, MANAGEMENT_SLOT, rangesLength, scatter, VirtioDevice, type Virtqueue } from '../bus/index.ts';
import type { GuestMemory, Machine } from '../cpu/index.ts';

// The protocol of guest/kernel/uml_mgmt.c.
const DEVICE_TYPE = 63;
const HEADER_SIZE = 16;
const MAX_MESSAGE = 4096;
const MORE = 1;
const [REQUEST_QUEUE, REPLY_QUEUE] = [0, 1];
const OPERATIONS = {
  hello: 1,
  version: 2,
  halt: 3,
  reboot: 4,
  cad: 5,
  sysrq: 6,
  log: 7,
  proc: 8,
  stack: 9,
  plug: 10,
  unplug: 11,
  notify: 13,
} as const;

export type ManagementOperation = Exclude<keyof typeof OPERATIONS, 'hello' | 'notify'>;

/** What the guest kernel calls itself: the fields of uname(2). */
export interface KernelName {
  system: string;
  node: string;
  release: string;
  version: string;
  machine: string;
}

/** The guest kernel refused a request: a positive errno. */
export class ManagementError extends Error {
  override readonly name = 'ManagementError';
  readonly errno: number;

  constructor(operation: ManagementOperation, errno: number) {
    super(`the guest kernel refused '${operation}': errno ${errno}`);
    this.errno = errno;
  }
}

/** What the guest kernel says unasked. */
export interface ManagementHandlers {
  /** The driver runs in the guest. */
  onHello(name: KernelName): void;
  /** A program in the guest wrote to /proc/mconsole. */
  onNotify(data: Uint8Array): void;
}

interface Pending {
  operation: ManagementOperation;
  onPart: ((part: Uint8Array) => void) | undefined;
  parts: Uint8Array[];
  resolve(reply: Uint8Array): void;
  reject(error: ManagementError): void;
}

/** Our line into the guest kernel: it answers even when the guest's user space is dead. */
export class ManagementDevice {
  readonly device: VirtioDevice;
  readonly #memory: GuestMemory;
  readonly #handlers: ManagementHandlers;
  readonly #pending = new Map<number, Pending>();
  readonly #requests: Uint8Array[] = [];
  #nextId = 1;

  constructor(machine: Machine, handlers: ManagementHandlers) {
    this.#memory = machine.memory;
    this.#handlers = handlers;
    this.device = new VirtioDevice(
      machine,
      MANAGEMENT_SLOT,
      {
        name: 'management',
        type: DEVICE_TYPE,
        pciClass: 0x0880,
        queueSizes: [8, 16],
        features: 0,
        config: Buffer.alloc(4),
      },
      {
        onNotify: (queue) => (queue === REPLY_QUEUE ? this.#receive() : this.#send()),
        onReady: () => this.#send(),
      },
    );
  }

  /**
   * Asks the guest kernel for something. It may take as long as the guest needs to get there.
   * @param data what the operation takes: see guest/kernel/uml_mgmt.c
   * @param onPart called for each part of a long reply, as it comes; without it the parts come back joined
   * @throws ManagementError
   */
  request(
    operation: ManagementOperation,
    data: Uint8Array = new Uint8Array(),
    onPart?: (part: Uint8Array) => void,
  ): Promise<Uint8Array> {
    if (HEADER_SIZE + data.length > MAX_MESSAGE) throw new RangeError('management request too long');
    const id = this.#nextId++;
    const message = Buffer.alloc(HEADER_SIZE + data.length);
    message.writeUInt32LE(id >>> 0, 0);
    message.writeUInt32LE(OPERATIONS[operation], 4);
    message.set(data, HEADER_SIZE);
    this.#requests.push(message);
    return new Promise((resolve, reject) => {
      this.#pending.set(id >>> 0, { operation, onPart, parts: [], resolve, reject });
      this.device.guarded(() => this.#send());
    });
  }

  #send(): void {
    const queue = this.device.queues[REQUEST_QUEUE] as Virtqueue;
    let sent = 0;
    for (; this.#requests.length > 0; sent++) {
      const chain = queue.pop();
      if (!chain) break;
      queue.push(chain, scatter(this.#memory, chain.writable, this.#requests.shift() as Uint8Array));
    }
    if (sent > 0) this.device.notify(queue);
  }

  #receive(): void {
    const queue = this.device.queues[REPLY_QUEUE] as Virtqueue;
    for (let chain = queue.pop(); chain; chain = queue.pop()) {
      const message = Buffer.alloc(Math.min(rangesLength(chain.readable), MAX_MESSAGE));
      gather(this.#memory, chain.readable, message);
      queue.push(chain, 0);
      if (message.length >= HEADER_SIZE) this.#onMessage(message);
    }
    this.device.notify(queue);
  }

  #onMessage(message: Buffer): void {
    const data = message.subarray(HEADER_SIZE);
    const operation = message.readUInt32LE(4);
    if (operation === OPERATIONS.hello) this.#handlers.onHello(kernelName(data));
    else if (operation === OPERATIONS.notify) this.#handlers.onNotify(data);
    else this.#onReply(message, data);
  }

  #onReply(message: Buffer, data: Uint8Array): void {
    const id = message.readUInt32LE(0);
    const pending = this.#pending.get(id);
    if (!pending) return;
    const status = message.readInt32LE(8);
    if (status < 0) {
      this.#pending.delete(id);
      pending.reject(new ManagementError(pending.operation, -status));
      return;
    }
    if (pending.onPart) pending.onPart(data);
    else pending.parts.push(data);
    if (message.readUInt32LE(12) & MORE) return;
    this.#pending.delete(id);
    pending.resolve(Buffer.concat(pending.parts));
  }
}

/** Reads the five strings of a HELLO message or a `version` reply. */
export function kernelName(data: Uint8Array): KernelName {
  const [system = '', node = '', release = '', version = '', machine = ''] = Buffer.from(data).toString().split('\0');
  return { system, node, release, version, machine };
}
