/** What the first bytes of a program say about who runs it. */
export type Program =
  | { readonly kind: 'elf'; readonly machine: number; readonly is64Bit: boolean }
  | { readonly kind: 'script'; readonly interpreter: string }
  | { readonly kind: 'unknown' };

/** Bytes that identifyProgram looks at: the kernel's BINPRM_BUF_SIZE. */
export const PROGRAM_START = 256;

const ELF_MAGIC = '\x7fELF';
const ELF_HEADER = 20;
const CLASS_64 = 2;
const BIG_ENDIAN = 2;

/** e_machine of the processor that v86 is. */
export const EM_386 = 3;
const ARCHITECTURES = new Map([
  [2, 'sparc'],
  [8, 'mips'],
  [20, 'powerpc'],
  [21, 'ppc64'],
  [22, 's390x'],
  [40, 'arm'],
  [62, 'amd64 (x86-64)'],
  [183, 'arm64'],
  [243, 'riscv64'],
  [258, 'loongarch64'],
]);

/** Looks at an ELF header (System V ABI) or the first line of a script. */
export function identifyProgram(start: Uint8Array): Program {
  const bytes = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  if (bytes.length >= ELF_HEADER && bytes.toString('latin1', 0, 4) === ELF_MAGIC) {
    const machine = bytes[5] === BIG_ENDIAN ? bytes.readUInt16BE(18) : bytes.readUInt16LE(18);
    return { kind: 'elf', machine, is64Bit: bytes[4] === CLASS_64 };
  }
  const interpreter = /^#![ \t]*([^ \t\n\0]+)/.exec(bytes.toString('latin1', 0, PROGRAM_START))?.[1];
  return interpreter ? { kind: 'script', interpreter } : { kind: 'unknown' };
}

/** The name of an architecture, by its e_machine. */
export function architectureName(machine: number): string {
  return ARCHITECTURES.get(machine) ?? `machine ${machine}`;
}
