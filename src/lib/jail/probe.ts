import { closeSync, constants, openSync } from 'node:fs';
import { errnoOf, leaveNoCore, pokeMemory, readAt } from '../os/index.ts';

/** Where UML's kernel has its memory in tt mode, inside every process of the guest (spec 11.6). */
export const kernelAddress = 0xa0800000;
/** sizeof(unsigned long), what the C tool reads there. */
const WORD = 8;

/** Writes to the kernel's memory, in a process of its own: it ends by SIGSEGV where the memory is out of reach. */
export function writeToKernel(): void {
  leaveNoCore();
  pokeMemory(kernelAddress, 0xef);
}

/**
 * Lets read(2) of a file write there.
 * @returns the errno, as a positive number; 0 where it was written to
 * @throws the errors of opening the file
 */
export function readIntoKernel(file: string): number {
  const fd = openSync(file, 'r');
  try {
    return Math.max(0, -readAt(fd, kernelAddress, WORD));
  } finally {
    closeSync(fd);
  }
}

/** What opening a file for writing came to. */
export interface Attempt {
  /** Its descriptor, closed again; -1 where it could not be opened. */
  fd: number;
  /** Positive; 0 where it was opened. */
  errno: number;
}

export function openForWriting(file: string): Attempt {
  try {
    const fd = openSync(file, constants.O_WRONLY);
    closeSync(fd);
    return { fd, errno: 0 };
  } catch (error) {
    return { fd: -1, errno: errnoOf(error) ?? 0 };
  }
}
