import { type BootOptions, bootRom, bootSegments } from './boot.ts';
import { GuestMemory } from './memory.ts';
import { createEmulator, type V86Cpu, type V86Emulator } from './v86.ts';

/** A register access of 1, 2 or 4 bytes at an offset from the function's or range's first port. */
export interface PortHandler {
  readPort(offset: number, size: number): number;
  writePort(offset: number, size: number, value: number): void;
}

/** A range of I/O ports, as [offset, length] pairs of the parts in use. */
export interface PortRange {
  base: number;
  parts: readonly (readonly [offset: number, length: number])[];
}

/** A PCI function on bus 0: its configuration space and the ports behind its one BAR. */
export interface PciFunction extends PortHandler {
  readonly name: string;
  /** Device number * 8 + function number. */
  readonly devfn: number;
  readonly configSpace: Uint8Array;
  readonly barSize: number;
  readonly ports: PortRange;
}

/** One device's connection to an interrupt line: lines are shared, the line is up while any of them asserts it. */
export interface InterruptPin {
  readonly line: number;
  raise(): void;
  lower(): void;
}

export interface MachineEvents {
  /** The processor halted with interrupts off, or reset itself: kernels without our drivers end like this. */
  onHalt: () => void;
  onReset: () => void;
}

const LEVEL_TRIGGERED_LOW = 0x4d0;
const LEVEL_TRIGGERED_HIGH = 0x4d1;
const FIRST_UART = 0x3f8;
const CONFIG_ADDRESS = 0xcf8;
/** Lines that nothing else on the board uses. */
const PCI_LINES = [5, 9, 10, 11] as const;

/** A PC with a processor, memory, PCI, interval timer and clock. Everything else is attached to it. */
export class Machine {
  readonly memory: GuestMemory;
  readonly #emulator: V86Emulator;
  readonly #asserted = new Map<number, Set<object>>();

  private constructor(emulator: V86Emulator) {
    this.#emulator = emulator;
    this.memory = new GuestMemory(emulator.v86.cpu);
  }

  /** Builds the machine with the kernel in place. Attach the devices, then `run()`. @throws MachineError */
  static async create(options: BootOptions, events: MachineEvents): Promise<Machine> {
    const segments = bootSegments(options);
    const emulator = await createEmulator(options.memory, bootRom(options.kernel.entry));
    const machine = new Machine(emulator);
    const { cpu } = emulator.v86;
    for (const { address, data } of segments) machine.memory.write(address, data);
    cpu.reboot_internal = events.onReset;
    emulator.add_listener('cpu-event-halt', events.onHalt);
    // What a BIOS would have done: PCI lines are level-triggered, and v86's own first UART is no device of ours.
    const level = PCI_LINES.reduce((bits, line) => bits | (1 << line), 0);
    cpu.io.port_write8(LEVEL_TRIGGERED_LOW, level & 0xff);
    cpu.io.port_write8(LEVEL_TRIGGERED_HIGH, level >> 8);
    writeConfigAddressWhole(cpu);
    machine.mapPorts({ base: FIRST_UART, parts: [[0, 8]] }, { readPort: () => 0xff, writePort: () => {} });
    return machine;
  }

  /** The interrupt pin of a PCI function; also goes into its configuration space (offset 0x3c). */
  interruptPin(devfn: number): InterruptPin {
    const line = PCI_LINES[devfn & 3] as number;
    const { cpu } = this.#emulator.v86;
    const asserting = this.#asserted.get(line) ?? new Set();
    this.#asserted.set(line, asserting);
    const pin: InterruptPin = {
      line,
      raise: () => {
        asserting.add(pin);
        cpu.device_raise_irq(line);
      },
      lower: () => {
        if (asserting.delete(pin) && asserting.size === 0) cpu.device_lower_irq(line);
      },
    };
    return pin;
  }

  /** Makes a PCI function present; the guest sees it when it scans the bus. */
  plug(device: PciFunction): void {
    this.mapPorts(device.ports, device);
    this.#emulator.v86.cpu.devices.pci.register_device({
      name: device.name,
      pci_id: device.devfn,
      pci_space: Array.from(device.configSpace),
      pci_bars: [{ size: device.barSize }],
    });
  }

  /** Takes a PCI function away. The guest must have let go of it. */
  unplug(devfn: number): void {
    const { pci } = this.#emulator.v86.cpu.devices;
    pci.devices[devfn] = undefined;
    pci.device_spaces[devfn] = undefined;
  }

  /** Puts a handler behind I/O ports. */
  mapPorts({ base, parts }: PortRange, handler: PortHandler): void {
    const { io } = this.#emulator.v86.cpu;
    const read = (size: number) => (port: number) => handler.readPort(port - base, size);
    const reads = [read(1), read(2), read(4)];
    for (const [start, length] of parts) {
      for (let offset = start; offset < start + length; offset++) {
        const write = (size: number) => (value: number) => handler.writePort(offset, size, value);
        io.register_read(base + offset, handler, ...reads);
        io.register_write(base + offset, handler, write(1), write(2), write(4));
      }
    }
  }

  run(): void {
    void this.#emulator.run();
  }

  /** Stops the processor; resolves once it no longer executes. The guest's clock jumps when it goes on. */
  async stop(): Promise<void> {
    await this.#emulator.stop();
  }
}

/**
 * v86 takes a write to CONFIG_ADDRESS (0xcf8) apart into bytes, and the second of them is also the reset register
 * (0xcf9): going from function 2 or 3 of a device to function 6 or 7 of any would reset the machine.
 */
function writeConfigAddressWhole({ io, devices: { pci } }: V86Cpu): void {
  const setByte = (value: number) => {
    pci.pci_addr[0] = value & 0xfc;
  };
  const setAll = (value: number) => {
    pci.pci_addr.set([value & 0xfc, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]);
    pci.pci_query();
  };
  io.register_write(CONFIG_ADDRESS, pci, setByte, setByte, setAll);
}
