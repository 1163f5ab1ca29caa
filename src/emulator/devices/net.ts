import { gather, rangesLength, scatter, VirtioDevice, type Virtqueue } from '../bus/index.ts';
import type { GuestMemory, Machine } from '../cpu/index.ts';

const HEADER_SIZE = 12;
const MAX_FRAME = 65_535;
const MAX_WAITING = 1024;

// virtio 1.1, section 5.1
const FEATURES = { MTU: 3, MAC: 5, STATUS: 16 };
const LINK_UP = 1;
const [RECEIVE, TRANSMIT] = [0, 1];

export interface NetOptions {
  name: string;
  devfn: number;
  mac: Uint8Array;
  mtu: number;
  /** A frame that the guest sends. */
  onFrame(frame: Uint8Array): void;
}

/** One network interface of the guest: Ethernet frames, no offloads. */
export class NetDevice {
  readonly device: VirtioDevice;
  readonly #memory: GuestMemory;
  readonly #onFrame: (frame: Uint8Array) => void;
  readonly #waiting: Uint8Array[] = [];

  constructor(machine: Machine, { name, devfn, mac, mtu, onFrame }: NetOptions) {
    this.#memory = machine.memory;
    this.#onFrame = onFrame;
    const config = Buffer.alloc(12);
    config.set(mac.subarray(0, 6), 0);
    config.writeUInt16LE(LINK_UP, 6);
    config.writeUInt16LE(mtu, 10);
    this.device = new VirtioDevice(
      machine,
      devfn,
      {
        name,
        type: 1,
        pciClass: 0x0200,
        queueSizes: [256, 256],
        features: (1 << FEATURES.MTU) | (1 << FEATURES.MAC) | (1 << FEATURES.STATUS),
        config,
      },
      {
        onNotify: (queue) => (queue === TRANSMIT ? this.#transmit() : this.#deliver()),
        onReset: () => this.#waiting.splice(0),
      },
    );
  }

  /** Gives a frame to the guest (copied). It waits while the guest has no buffer; when too many wait it is dropped. */
  receive(frame: Uint8Array): void {
    if (!this.device.ready || this.#waiting.length >= MAX_WAITING) return;
    const packet = Buffer.alloc(HEADER_SIZE + frame.length);
    packet.writeUInt16LE(1, 10); // num_buffers
    packet.set(frame, HEADER_SIZE);
    this.#waiting.push(packet);
    this.device.guarded(() => this.#deliver());
  }

  #deliver(): void {
    const queue = this.device.queues[RECEIVE] as Virtqueue;
    let delivered = 0;
    for (; delivered < this.#waiting.length; delivered++) {
      const chain = queue.pop();
      if (!chain) break;
      queue.push(chain, scatter(this.#memory, chain.writable, this.#waiting[delivered] as Uint8Array));
    }
    if (delivered === 0) return;
    this.#waiting.splice(0, delivered);
    this.device.notify(queue);
  }

  #transmit(): void {
    const queue = this.device.queues[TRANSMIT] as Virtqueue;
    let sent = 0;
    for (let chain = queue.pop(); chain; chain = queue.pop()) {
      const length = rangesLength(chain.readable) - HEADER_SIZE;
      if (length > 0 && length <= MAX_FRAME) {
        const frame = Buffer.allocUnsafe(length);
        gather(this.#memory, chain.readable, frame, HEADER_SIZE);
        this.#onFrame(frame);
      }
      queue.push(chain, 0);
      sent++;
    }
    if (sent > 0) this.device.notify(queue);
  }
}
