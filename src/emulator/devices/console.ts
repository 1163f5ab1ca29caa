import type { WindowSize } from '../../lib/os/index.ts';
import { CONSOLE_SLOT, gather, rangesLength, scatter, VirtioDevice, type Virtqueue } from '../bus/index.ts';
import type { GuestMemory, Machine } from '../cpu/index.ts';

export const CONSOLES = 16;
const MAX_WAITING = 64 * 1024;

// virtio 1.1, section 5.3
const FEATURE_MULTIPORT = 1;
const EVENT = { READY: 0, ADD: 1, PORT_READY: 3, CONSOLE: 4, RESIZE: 5, OPEN: 6 };
const CONTROL_SIZE = 8;
const [CONTROL_RECEIVE, CONTROL_TRANSMIT] = [2, 3];

export interface ConsoleHandlers {
  /** The guest wrote to /dev/tty<port>. */
  onOutput(port: number, bytes: Uint8Array): void;
  /** The input that waited for the guest went down to nothing: a paused channel may go on. */
  onDrained(port: number): void;
}

/** The guest's /dev/tty0 to tty15: one virtio console with a port each. */
export class ConsoleDevice {
  readonly device: VirtioDevice;
  readonly #memory: GuestMemory;
  readonly #handlers: ConsoleHandlers;
  readonly #input: Uint8Array[][] = Array.from({ length: CONSOLES }, () => []);
  readonly #control: Uint8Array[] = [];
  readonly #sizes = new Map<number, WindowSize>();
  readonly #readyPorts = new Set<number>();

  constructor(machine: Machine, handlers: ConsoleHandlers) {
    this.#memory = machine.memory;
    this.#handlers = handlers;
    const config = Buffer.alloc(12);
    config.writeUInt32LE(CONSOLES, 4);
    const portQueues = Array.from({ length: CONSOLES }, () => [4, 16]);
    const [first = [], ...others] = portQueues;
    this.device = new VirtioDevice(
      machine,
      CONSOLE_SLOT,
      {
        name: 'console',
        type: 3,
        pciClass: 0x0780,
        queueSizes: [...first, 32, 32, ...others.flat()],
        features: 1 << FEATURE_MULTIPORT,
        config,
      },
      { onNotify: (queue) => this.#onNotify(queue), onReset: () => this.#forget() },
    );
  }

  /** Types into a console. Returns whether there is room for more: if not, wait for `onDrained`. */
  send(port: number, bytes: Uint8Array): boolean {
    const input = this.#input[port];
    if (!input) return true;
    input.push(bytes);
    this.device.guarded(() => this.#fill(port));
    return input.reduce((sum, part) => sum + part.length, 0) < MAX_WAITING;
  }

  /** Tells the guest how large the terminal of a console is. */
  resize(port: number, size: WindowSize): void {
    this.#sizes.set(port, size);
    if (!this.#readyPorts.has(port)) return;
    const event = Buffer.alloc(CONTROL_SIZE + 4);
    event.writeUInt16LE(size.rows, CONTROL_SIZE);
    event.writeUInt16LE(size.columns, CONTROL_SIZE + 2);
    this.#sendControl(port, EVENT.RESIZE, 0, event);
  }

  #forget(): void {
    this.#control.length = 0;
    this.#readyPorts.clear();
  }

  #onNotify(index: number): void {
    if (index === CONTROL_TRANSMIT) this.#readControl();
    else if (index === CONTROL_RECEIVE) this.#fillControl();
    else if (index % 2 === 1) this.#output(index);
    else this.#fill(index === 0 ? 0 : (index - 2) / 2);
  }

  #output(index: number): void {
    const queue = this.device.queues[index] as Virtqueue;
    const port = index === 1 ? 0 : (index - 3) / 2;
    for (let chain = queue.pop(); chain; chain = queue.pop()) {
      const bytes = Buffer.allocUnsafe(Math.min(rangesLength(chain.readable), MAX_WAITING));
      const length = gather(this.#memory, chain.readable, bytes);
      queue.push(chain, 0);
      this.#handlers.onOutput(port, bytes.subarray(0, length));
    }
    // No interrupt: the kernel's driver for console ports looks for the buffer itself, and has it already.
  }

  #fill(port: number): void {
    const input = this.#input[port];
    const queue = this.device.queues[port === 0 ? 0 : 2 * port + 2];
    if (!input || !queue || input.length === 0) return;
    while (input.length > 0) {
      const chain = queue.pop();
      if (!chain) break;
      const bytes = input.shift() as Uint8Array;
      const taken = scatter(this.#memory, chain.writable, bytes);
      if (taken < bytes.length) input.unshift(bytes.subarray(taken));
      queue.push(chain, taken);
    }
    this.device.notify(queue);
    if (input.length === 0) this.#handlers.onDrained(port);
  }

  #readControl(): void {
    const queue = this.device.queues[CONTROL_TRANSMIT] as Virtqueue;
    for (let chain = queue.pop(); chain; chain = queue.pop()) {
      const message = Buffer.alloc(CONTROL_SIZE);
      const length = gather(this.#memory, chain.readable, message);
      queue.push(chain, 0);
      if (length === CONTROL_SIZE) this.#onControl(message.readUInt32LE(0), message.readUInt16LE(4));
    }
    this.device.notify(queue);
  }

  #onControl(port: number, event: number): void {
    if (event === EVENT.READY) for (let each = 0; each < CONSOLES; each++) this.#sendControl(each, EVENT.ADD, 0);
    if (event !== EVENT.PORT_READY || port >= CONSOLES) return;
    this.#sendControl(port, EVENT.CONSOLE, 1);
    this.#sendControl(port, EVENT.OPEN, 1);
    this.#readyPorts.add(port);
    const size = this.#sizes.get(port);
    if (size) this.resize(port, size);
  }

  #sendControl(port: number, event: number, value: number, message: Buffer = Buffer.alloc(CONTROL_SIZE)): void {
    message.writeUInt32LE(port, 0);
    message.writeUInt16LE(event, 4);
    message.writeUInt16LE(value, 6);
    this.#control.push(message);
    this.device.guarded(() => this.#fillControl());
  }

  #fillControl(): void {
    const queue = this.device.queues[CONTROL_RECEIVE] as Virtqueue;
    let sent = 0;
    for (; this.#control.length > 0; sent++) {
      const chain = queue.pop();
      if (!chain) break;
      queue.push(chain, scatter(this.#memory, chain.writable, this.#control.shift() as Uint8Array));
    }
    if (sent > 0) this.device.notify(queue);
  }
}
