import { ExtFileSystem, type ReadableDisk } from './ext.ts';
import { resolvePath } from './path.ts';
import { architectureName, EM_386, identifyProgram, PROGRAM_START } from './program.ts';

/** What the kernel tries to run first, in its order, unless `init=` names another (init/main.c). */
const INITS = ['/sbin/init', '/etc/init', '/bin/init', '/bin/sh'];
/** Scripts whose interpreter is a script, as far as the kernel follows them. */
const INTERPRETERS = 5;

/** Why a root file system can't run here. */
export interface RootProblem {
  /** The program that can't run. */
  readonly program: string;
  /** What it is made for, e.g. `amd64 (x86-64)`. */
  readonly architecture: string;
  readonly message: string;
}

/**
 * Looks for the first program of a root file system, to tell at once if it is made for another processor than the
 * machine's: the kernel would only say so at the end of its boot, and less clearly. Reads little, follows symlinks and
 * `#!` lines. Whatever isn't clear (another kind of file system, a damaged one, no such program) is left to the kernel.
 * @param init the `init=` argument
 * @returns undefined if nothing speaks against it
 */
export async function checkRoot(disk: ReadableDisk, init?: string): Promise<RootProblem | undefined> {
  try {
    const fs = await ExtFileSystem.open(disk);
    return fs && (await findForeign(fs, init === undefined ? INITS : [init]));
  } catch {
    return undefined; // Damaged, or a read that failed: the guest will meet it and say so
  }
}

async function findForeign(fs: ExtFileSystem, candidates: readonly string[]): Promise<RootProblem | undefined> {
  for (const path of candidates) {
    const elf = await findElf(fs, path);
    if (!elf) continue;
    if (elf.machine === EM_386 && !elf.is64Bit) return undefined;
    const architecture = architectureName(elf.machine);
    return {
      program: elf.path,
      architecture,
      message: `${elf.path} in it is an ${architecture} program, and the processor here is an i686: it takes an i386 root file system`,
    };
  }
  return undefined;
}

/** The program that a path runs in the end, if it is one. */
async function findElf(
  fs: ExtFileSystem,
  path: string,
): Promise<{ path: string; machine: number; is64Bit: boolean } | undefined> {
  let current = path;
  for (let i = 0; i < INTERPRETERS; i++) {
    const inode = await resolvePath(fs, current);
    if (inode?.type !== 'file') return undefined;
    const program = identifyProgram(await fs.start(inode, PROGRAM_START));
    if (program.kind === 'unknown') return undefined;
    if (program.kind === 'elf') return { path: current, machine: program.machine, is64Bit: program.is64Bit };
    current = program.interpreter;
  }
  return undefined;
}
