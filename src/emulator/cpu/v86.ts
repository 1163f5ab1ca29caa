import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { asset } from '../../lib/os/index.ts';
import { MachineError } from './error.ts';

/**
 * The members of v86 that we use and that are not its documented API. The package is pinned exactly; `selfCheck` says at
 * once, by name, what a changed release no longer has.
 */
export interface V86Cpu {
  mem8: Uint8Array;
  wasm_memory: { readonly buffer: ArrayBuffer };
  write_blob(data: Uint8Array, address: number): void;
  /** Must be told of every write into guest memory: translated code there is stale. */
  jit_dirty_cache(start: number, end: number): void;
  device_raise_irq(line: number): void;
  device_lower_irq(line: number): void;
  reboot_internal(): void;
  io: {
    register_read(port: number, device: object, ...reads: ((port: number) => number)[]): void;
    register_write(port: number, device: object, ...writes: ((value: number) => void)[]): void;
    port_write8(port: number, value: number): void;
  };
  devices: {
    pci: {
      register_device(device: V86PciDevice): Int32Array;
      device_spaces: (Int32Array | undefined)[];
      devices: (V86PciDevice | undefined)[];
      /** CONFIG_ADDRESS, byte by byte. */
      pci_addr: Uint8Array;
      /** Answers CONFIG_ADDRESS into CONFIG_DATA. */
      pci_query(): void;
    };
  };
}

export interface V86PciDevice {
  name: string;
  pci_id: number;
  pci_space: number[];
  pci_bars: ({ size: number } | undefined)[];
}

/** The documented part: the emulator object of v86.d.ts, as far as we use it. */
export interface V86Emulator {
  v86: { cpu: V86Cpu };
  run(): Promise<void>;
  stop(): Promise<void>;
  add_listener(event: string, listener: () => void): void;
}

const CPU_MEMBERS = ['write_blob', 'jit_dirty_cache', 'device_raise_irq', 'device_lower_irq', 'reboot_internal'];
const IO_MEMBERS = ['register_read', 'register_write', 'port_write8'];
const PCI_MEMBERS = ['register_device', 'pci_query'];

/** Starts v86 with this much memory (bytes) and this ROM at the top of the first MiB; the CPU does not run yet. */
export async function createEmulator(memorySize: number, rom: Uint8Array<ArrayBuffer>): Promise<V86Emulator> {
  const { V86 } = await import('v86');
  const wasm = asset('v86.wasm') ?? readFileSync(wasmInPackage());
  const emulator = new V86({
    wasm_fn: async (imports: WebAssembly.Imports) => (await WebAssembly.instantiate(wasm, imports)).instance.exports,
    memory_size: memorySize,
    vga_memory_size: 1 << 20,
    bios: { buffer: rom.buffer },
    autostart: false,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    net_device: { type: 'none' },
    // The constructor's type does not list these two, which it reads all the same.
    ...{ uart1: false, uart2: false, uart3: false },
  } as unknown as ConstructorParameters<typeof V86>[0]) as unknown as V86Emulator;
  await new Promise<void>((resolve) => emulator.add_listener('emulator-loaded', resolve));
  selfCheck(emulator);
  return emulator;
}

function wasmInPackage(): string {
  return join(dirname(createRequire(import.meta.url).resolve('v86')), 'v86.wasm');
}

function selfCheck(emulator: V86Emulator): void {
  const cpu = emulator.v86?.cpu;
  const missing = [
    ...absent('cpu', cpu, CPU_MEMBERS),
    ...absent('cpu.io', cpu?.io, IO_MEMBERS),
    ...absent('cpu.devices.pci', cpu?.devices?.pci, PCI_MEMBERS),
    ...(typeof cpu?.mem8?.byteOffset === 'number' ? [] : ['cpu.mem8']),
    ...(cpu?.wasm_memory?.buffer instanceof ArrayBuffer ? [] : ['cpu.wasm_memory']),
    ...(cpu?.devices?.pci?.pci_addr instanceof Uint8Array ? [] : ['cpu.devices.pci.pci_addr']),
    ...(Array.isArray(cpu?.devices?.pci?.device_spaces) ? [] : ['cpu.devices.pci.device_spaces']),
  ];
  if (missing.length > 0) throw new MachineError('unsupported-v86', `this v86 has no ${missing.join(', ')}`);
}

function absent(path: string, object: object | undefined, names: readonly string[]): string[] {
  return names
    .filter((name) => typeof (object as Record<string, unknown> | undefined)?.[name] !== 'function')
    .map((name) => `${path}.${name}`);
}
