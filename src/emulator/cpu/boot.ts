import { MachineError } from './error.ts';
import type { KernelImage, Segment } from './kernel.ts';

/** Where the loader puts what is not the kernel: below 640 KiB, clear of what the kernel claims early. */
const BOOT_PARAMS = 0x10000;
const COMMAND_LINE = 0x20000;
const STACK = 0x90000;
const CONVENTIONAL_END = 0x9fc00;
const ROM = 0xf0000;
const HIGH_MEMORY = 0x100000;
const PAGE = 4096;

export interface BootOptions {
  kernel: KernelImage;
  commandLine: string;
  /** Guest memory in bytes. */
  memory: number;
  initrd?: Uint8Array;
}

/** Everything that is in memory when the kernel starts. @throws MachineError `kernel-too-large` */
export function bootSegments({ kernel, commandLine, memory, initrd }: BootOptions): Segment[] {
  const initrdAddress = initrd ? (memory - initrd.length) & ~(PAGE - 1) : memory;
  if (kernel.end > initrdAddress) {
    throw new MachineError('kernel-too-large', `Needed=${kernel.end + (initrd?.length ?? 0)}, given=${memory}`);
  }
  const segments = [...kernel.segments, { address: COMMAND_LINE, data: Buffer.from(`${commandLine}\0`, 'latin1') }];
  if (initrd) segments.push({ address: initrdAddress, data: initrd });
  segments.push({ address: BOOT_PARAMS, data: bootParams(kernel, memory, initrd && [initrdAddress, initrd.length]) });
  return segments;
}

/** struct boot_params, the "zero page" (arch/x86/include/uapi/asm/bootparam.h). */
function bootParams(kernel: KernelImage, memory: number, initrd: [address: number, size: number] | undefined): Buffer {
  const page = Buffer.alloc(PAGE);
  if (kernel.setupHeader) page.set(kernel.setupHeader, 0x1f1);
  else {
    page.writeUInt8(1, 0x1f1); // setup_sects
    page.writeUInt16LE(1, 0x1f2); // root_flags: mounted read-only first, as on UML
    page.writeUInt16LE(0xaa55, 0x1fe);
    page.writeUInt32LE(0x53726448, 0x202); // "HdrS"
    page.writeUInt16LE(0x20c, 0x206); // protocol 2.12
    page.writeUInt8(0x01, 0x211); // LOADED_HIGH
  }
  page.writeUInt8(0xff, 0x210); // type_of_loader: none that has a number
  page.writeUInt32LE(COMMAND_LINE, 0x228);
  page.writeUInt32LE(initrd?.[0] ?? 0, 0x218);
  page.writeUInt32LE(initrd?.[1] ?? 0, 0x21c);
  page.writeUInt8(3, 0x06); // screen_info: text mode, 80 by 25, no adapter
  page.writeUInt8(80, 0x07);
  page.writeUInt8(25, 0x0e);
  page.writeUInt16LE(16, 0x10);
  page.writeUInt32LE((memory - HIGH_MEMORY) >>> 10, 0x1e0); // alt_mem_k
  const map: [start: number, length: number, type: number][] = [
    [0, CONVENTIONAL_END, 1],
    [ROM, HIGH_MEMORY - ROM, 2],
    [HIGH_MEMORY, memory - HIGH_MEMORY, 1],
  ];
  page.writeUInt8(map.length, 0x1e8);
  map.forEach(([start, length, type], index) => {
    page.writeBigUInt64LE(BigInt(start), 0x2d0 + 20 * index);
    page.writeBigUInt64LE(BigInt(length), 0x2d8 + 20 * index);
    page.writeUInt32LE(type, 0x2e0 + 20 * index);
  });
  return page;
}

const ROM_SIZE = 0x10000;
const GDT_OFFSET = 0x100;
const GDTR_OFFSET = 0x140;
const PROTECTED_OFFSET = 0x80;
const RESET_VECTOR = 0xfff0;

/**
 * The machine's whole firmware: from the reset vector into flat 32-bit protected mode, with the selectors that the kernel's
 * 32-bit boot protocol asks for (code 0x10, data 0x18), boot_params in ESI, interrupts off.
 */
export function bootRom(entry: number): Uint8Array<ArrayBuffer> {
  const rom = new Uint8Array(ROM_SIZE).fill(0xf4); // hlt
  const put = (offset: number, ...parts: (number | number[])[]) => rom.set(parts.flat(), offset);
  put(
    0,
    0xfa, // cli
    [0x2e, 0x66, 0x0f, 0x01, 0x16, GDTR_OFFSET & 0xff, GDTR_OFFSET >> 8], // lgdt cs:[GDTR]
    [0x0f, 0x20, 0xc0, 0x66, 0x83, 0xc8, 0x01, 0x0f, 0x22, 0xc0], // cr0 |= PE
    [0x66, 0xea, ...dword(ROM + PROTECTED_OFFSET), 0x10, 0x00], // jmp 0x10:PROTECTED
  );
  put(
    PROTECTED_OFFSET,
    [0x66, 0xb8, 0x18, 0x00], // mov ax, 0x18
    [0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0x8e, 0xe0, 0x8e, 0xe8], // ds, es, ss, fs, gs
    [0xbc, ...dword(STACK)], // mov esp
    [0xbe, ...dword(BOOT_PARAMS)], // mov esi
    [0x31, 0xed, 0x31, 0xff, 0x31, 0xdb], // ebp = edi = ebx = 0
    [0xb8, ...dword(entry), 0xff, 0xe0], // jmp entry
  );
  const flat = (access: number) => [0xff, 0xff, 0, 0, 0, access, 0xcf, 0];
  put(GDT_OFFSET, Array(16).fill(0), flat(0x9a), flat(0x92));
  put(GDTR_OFFSET, [0x1f, 0], dword(ROM + GDT_OFFSET));
  put(RESET_VECTOR, [0xea, 0x00, 0x00, 0x00, 0xf0]); // jmp f000:0000
  return rom;
}

function dword(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
