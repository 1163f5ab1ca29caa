import { type InterruptPin, type Machine, MachineError, type PciFunction } from '../cpu/index.ts';
import { addVendorCapabilities, configSpace } from './config-space.ts';
import { slotPort } from './slots.ts';
import { Virtqueue } from './virtqueue.ts';

const VENDOR = 0x1af4;
const FIRST_DEVICE_ID = 0x1040;
const BAR_SIZE = 0x100;

// The BAR: common configuration, interrupt status, notification, device configuration (virtio 1.1, section 4.1.4).
const COMMON = { offset: 0x00, length: 0x38 };
const ISR = { offset: 0x40, length: 1 };
const NOTIFY = { offset: 0x44, length: 4 };
const DEVICE = { offset: 0x80, length: 0x80 };

const STATUS_DRIVER_OK = 4;
const STATUS_NEEDS_RESET = 0x40;
const ISR_QUEUE = 1;
const ISR_CONFIG = 2;
const NO_VECTOR = 0xffff;
const VERSION_1 = 1; // bit 32

/** What kind of virtio device this is. */
export interface VirtioType {
  name: string;
  /** Device type (virtio 1.1, section 5). */
  type: number;
  /** PCI base class and sub-class. */
  pciClass: number;
  /** Greatest size of each queue: powers of two. */
  queueSizes: readonly number[];
  /** Feature bits 0 to 31. */
  features: number;
  /** The device's own configuration, at most 128 bytes. */
  config: Uint8Array;
}

/** What the kind of device does. All of it runs on the main thread, inside the guest's port access. */
export interface VirtioHandlers {
  /** The driver put requests into this queue. */
  onNotify(queue: number): void;
  /** The driver is ready: queues may be used. */
  onReady?(): void;
  /** The driver reset the device: requests under way are void. */
  onReset?(): void;
}

/** A modern virtio device on PCI with one I/O BAR and a level-triggered interrupt. */
export class VirtioDevice implements PciFunction {
  readonly name: string;
  readonly devfn: number;
  readonly configSpace: Uint8Array;
  readonly barSize = BAR_SIZE;
  readonly ports: PciFunction['ports'];
  readonly queues: readonly Virtqueue[];
  readonly config: DataView;
  readonly #features: number;
  readonly #pin: InterruptPin;
  readonly #handlers: VirtioHandlers;
  #status = 0;
  #deviceFeatureSelect = 0;
  #driverFeatureSelect = 0;
  #driverFeatures = [0, 0];
  #queueSelect = 0;
  #interruptStatus = 0;

  constructor(machine: Machine, devfn: number, kind: VirtioType, handlers: VirtioHandlers) {
    this.name = kind.name;
    this.devfn = devfn;
    this.#features = kind.features;
    this.#handlers = handlers;
    this.#pin = machine.interruptPin(devfn);
    this.queues = kind.queueSizes.map((size) => new Virtqueue(machine.memory, size));
    this.config = new DataView(kind.config.buffer, kind.config.byteOffset, kind.config.length);
    const base = slotPort(devfn);
    this.ports = {
      base,
      parts: [COMMON, ISR, NOTIFY, { ...DEVICE, length: kind.config.length }].map((part) => [part.offset, part.length]),
    };
    this.configSpace = configSpace({
      vendor: VENDOR,
      device: FIRST_DEVICE_ID + kind.type,
      subsystem: kind.type,
      class: kind.pciClass,
      programmingInterface: 0,
      ports: base,
      interruptLine: this.#pin.line,
    });
    addVendorCapabilities(this.configSpace, [
      capability(1, COMMON),
      capability(3, ISR),
      capability(2, NOTIFY, 0), // all queues share one notification register
      capability(4, { offset: DEVICE.offset, length: Math.max(kind.config.length, 4) }),
    ]);
  }

  /** Whether the driver has finished its set-up. */
  get ready(): boolean {
    return (this.#status & STATUS_DRIVER_OK) !== 0;
  }

  /** Tells the driver that requests of this queue were pushed back. */
  notify(queue: Virtqueue): void {
    if (queue.wantsInterrupt) this.#interrupt(ISR_QUEUE);
  }

  /** Runs device code that touches guest memory; a guest that breaks the protocol loses the device, not the process. */
  guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      this.#status |= STATUS_NEEDS_RESET;
      this.#interrupt(ISR_CONFIG);
    }
  }

  readPort(offset: number, size: number): number {
    if (offset >= DEVICE.offset) return readLittleEndian(this.config, offset - DEVICE.offset, size);
    if (offset === ISR.offset) {
      const status = this.#interruptStatus;
      this.#interruptStatus = 0;
      this.#pin.lower();
      return status;
    }
    return this.#readCommon(offset);
  }

  #readCommon(offset: number): number {
    const queue = this.queues[this.#queueSelect];
    switch (offset) {
      case 0x00:
        return this.#deviceFeatureSelect;
      case 0x04:
        return [this.#features, VERSION_1][this.#deviceFeatureSelect] ?? 0;
      case 0x08:
        return this.#driverFeatureSelect;
      case 0x0c:
        return (this.#driverFeatures[this.#driverFeatureSelect] ?? 0) | 0;
      case 0x10: // no MSI-X
      case 0x1a:
        return NO_VECTOR;
      case 0x12:
        return this.queues.length;
      case 0x14:
        return this.#status;
      case 0x16:
        return this.#queueSelect;
      case 0x18:
        return queue?.size ?? 0;
      case 0x1c:
        return queue?.enabled ? 1 : 0;
      case 0x20:
        return (queue?.descriptors ?? 0) | 0;
      case 0x28:
        return (queue?.available ?? 0) | 0;
      case 0x30:
        return (queue?.used ?? 0) | 0;
      default:
        return 0;
    }
  }

  writePort(offset: number, _size: number, value: number): void {
    if (offset === NOTIFY.offset) {
      if (this.ready) this.guarded(() => this.#handlers.onNotify(value & 0xffff));
    } else if (offset < COMMON.length) this.#writeCommon(offset, value);
  }

  #writeCommon(offset: number, value: number): void {
    const queue = this.queues[this.#queueSelect];
    switch (offset) {
      case 0x00:
        this.#deviceFeatureSelect = value;
        break;
      case 0x08:
        this.#driverFeatureSelect = value;
        break;
      case 0x0c:
        if (this.#driverFeatureSelect < 2) this.#driverFeatures[this.#driverFeatureSelect] = value;
        break;
      case 0x14:
        this.#setStatus(value & 0xff);
        break;
      case 0x16:
        this.#queueSelect = value & 0xffff;
        break;
    }
    if (queue) setQueueRegister(queue, offset, value);
  }

  #setStatus(status: number): void {
    const wasReady = this.ready;
    this.#status = status;
    if (status === 0) {
      this.#interruptStatus = 0;
      this.#pin.lower();
      this.#driverFeatures = [0, 0];
      for (const queue of this.queues) queue.reset();
      this.#handlers.onReset?.();
    } else if (this.ready && !wasReady) this.guarded(() => this.#handlers.onReady?.());
  }

  #interrupt(reason: number): void {
    this.#interruptStatus |= reason;
    this.#pin.raise();
  }
}

function setQueueRegister(queue: Virtqueue, offset: number, value: number): void {
  switch (offset) {
    case 0x18:
      if (value > 0 && value <= queue.maxSize && (value & (value - 1)) === 0) queue.size = value;
      break;
    case 0x1c:
      queue.enabled = value === 1;
      break;
    case 0x20:
      queue.descriptors = value >>> 0;
      break;
    case 0x28:
      queue.available = value >>> 0;
      break;
    case 0x30:
      queue.used = value >>> 0;
      break;
  }
}

/** struct virtio_pci_cap without its first two bytes; the notification one has a multiplier appended. */
function capability(type: number, part: { offset: number; length: number }, multiplier?: number): Uint8Array {
  const bytes = new Uint8Array(multiplier === undefined ? 14 : 18);
  const view = new DataView(bytes.buffer);
  bytes[0] = bytes.length + 2;
  bytes[1] = type;
  view.setUint32(6, part.offset, true);
  view.setUint32(10, part.length, true);
  if (multiplier !== undefined) view.setUint32(14, multiplier, true);
  return bytes;
}

function readLittleEndian(view: DataView, offset: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size && offset + i < view.byteLength; i++) value |= view.getUint8(offset + i) << (8 * i);
  return value;
}
