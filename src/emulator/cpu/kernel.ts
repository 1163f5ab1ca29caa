import { MachineError } from './error.ts';

/** A part of the kernel and the physical address that it is loaded at. */
export interface Segment {
  address: number;
  data: Uint8Array;
}

/** A kernel ready to be put into memory: `setupHeader` is what a bzImage brings along for boot_params. */
export interface KernelImage {
  segments: Segment[];
  /** Physical address of the 32-bit entry point. */
  entry: number;
  /** First byte past everything that the kernel uses while it starts. */
  end: number;
  setupHeader: Uint8Array | undefined;
}

const EI_CLASS = 4;
const ELFCLASS64 = 2;
const EM_386 = 3;
const PT_LOAD = 1;
const PROGRAM_HEADER_SIZE = 32;
const SETUP_HEADER = 0x1f1;
const XLF_KERNEL_64 = 1;
const LOAD_ADDRESS = 0x100000;

/**
 * Reads an i386 kernel: a vmlinux (ELF) or a bzImage (Documentation/x86/boot.rst of the kernel, protocol 2.06 or later).
 * @throws MachineError `bad-kernel`, `amd64-kernel`
 */
export function parseKernel(file: Buffer): KernelImage {
  if (file.length > 52 && file.readUInt32BE(0) === 0x7f454c46) return parseElf(file);
  if (file.length > 0x268 && file.readUInt16LE(0x1fe) === 0xaa55 && file.readUInt32LE(0x202) === 0x53726448) {
    return parseBzImage(file);
  }
  throw new MachineError('bad-kernel', 'neither a vmlinux nor a bzImage');
}

function parseElf(file: Buffer): KernelImage {
  if (file[EI_CLASS] === ELFCLASS64) throw new MachineError('amd64-kernel', 'a 64-bit (amd64) kernel');
  if (file.readUInt16LE(18) !== EM_386)
    throw new MachineError('bad-kernel', 'a kernel for another processor than i386');
  const headers = file.readUInt32LE(28);
  const count = file.readUInt16LE(44);
  if (headers + count * PROGRAM_HEADER_SIZE > file.length) throw new MachineError('bad-kernel', 'a cut-off vmlinux');
  const segments: Segment[] = [];
  let end = 0;
  for (let at = headers; at < headers + count * PROGRAM_HEADER_SIZE; at += PROGRAM_HEADER_SIZE) {
    if (file.readUInt32LE(at) !== PT_LOAD) continue;
    const offset = file.readUInt32LE(at + 4);
    const address = file.readUInt32LE(at + 12);
    const length = file.readUInt32LE(at + 16);
    if (offset + length > file.length) throw new MachineError('bad-kernel', 'a cut-off vmlinux');
    segments.push({ address, data: file.subarray(offset, offset + length) });
    end = Math.max(end, address + file.readUInt32LE(at + 20));
  }
  if (segments.length === 0) throw new MachineError('bad-kernel', 'a vmlinux with nothing to load');
  return { segments, entry: file.readUInt32LE(24), end, setupHeader: undefined };
}

function parseBzImage(file: Buffer): KernelImage {
  if (file.readUInt16LE(0x206) < 0x206) throw new MachineError('bad-kernel', 'a bzImage from before Linux 2.6.22');
  if (file.readUInt16LE(0x236) & XLF_KERNEL_64) throw new MachineError('amd64-kernel', 'a 64-bit (amd64) kernel');
  const setupSectors = file[SETUP_HEADER] || 4;
  const start = (setupSectors + 1) * 512;
  if (start >= file.length) throw new MachineError('bad-kernel', 'a cut-off bzImage');
  const headerEnd = 0x202 + (file[0x201] ?? 0);
  const initSize = file.readUInt16LE(0x206) >= 0x20a ? file.readUInt32LE(0x260) : file.length * 4;
  return {
    segments: [{ address: LOAD_ADDRESS, data: file.subarray(start) }],
    entry: LOAD_ADDRESS,
    end: Math.max(LOAD_ADDRESS + file.length - start, preferredAddress(file) + initSize),
    setupHeader: file.subarray(SETUP_HEADER, headerEnd),
  };
}

function preferredAddress(file: Buffer): number {
  return file.readUInt16LE(0x206) >= 0x20a ? Number(file.readBigUInt64LE(0x258)) : LOAD_ADDRESS;
}
