import { closeSync, openSync, readSync } from 'node:fs';

const ELF64 = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]); // little-endian
const ELF32 = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 1]);
const PT_INTERP = 3;
const MAX_PATH = 4096;
const MAX_HEADERS = 64;

/**
 * The program that a program needs to be run: the dynamic loader of an ELF file, or what follows `#!`. Undefined where it
 * needs none, as a static one, and where it can't be told. execve(2) says ENOENT of the program when this one is missing.
 */
export function interpreterOf(file: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    const start = read(fd, 0, 256);
    if (start.subarray(0, 2).toString('latin1') === '#!') return /^#![ \t]*([^\s\0]+)/.exec(start.toString())?.[1];
    return start.length >= 64 ? loaderOf(fd, start) : undefined;
  } catch {
    return undefined; // can't be read: execve's own word stands
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The string of the program header PT_INTERP (elf(5)). */
function loaderOf(fd: number, header: Buffer): string | undefined {
  const wide = header.subarray(0, 6).equals(ELF64);
  if (!wide && !header.subarray(0, 6).equals(ELF32)) return undefined;
  const word = (from: Buffer, at: number) => (wide ? Number(from.readBigUInt64LE(at)) : from.readUInt32LE(at));
  const table = word(header, wide ? 32 : 28);
  const size = header.readUInt16LE(wide ? 54 : 42);
  const count = Math.min(header.readUInt16LE(wide ? 56 : 44), MAX_HEADERS);
  for (let index = 0; index < count; index++) {
    const entry = read(fd, table + index * size, wide ? 56 : 32);
    if (entry.length < 32 || entry.readUInt32LE(0) !== PT_INTERP) continue;
    const name = read(fd, word(entry, wide ? 8 : 4), Math.min(word(entry, wide ? 32 : 16), MAX_PATH));
    return name.toString('utf8').replace(/\0.*$/s, '');
  }
  return undefined;
}

function read(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, position));
}
