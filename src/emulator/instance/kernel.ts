import { readFileSync } from 'node:fs';
import { asset, errorText } from '../../lib/os/index.ts';
import { type KernelImage, MachineError, parseKernel } from '../cpu/index.ts';
import { findGuestKernel } from '../guest/index.ts';
import { StartError } from './error.ts';

/**
 * The guest kernel: the file asked for (an i386 vmlinux or bzImage), else the one in this binary, else the one that
 * `npm run guest` built. @throws StartError
 */
export function loadKernel(file: string | undefined): KernelImage {
  if (file !== undefined) return read(file);
  const built = asset('vmlinux');
  if (built) return parseKernel(Buffer.from(built.buffer, built.byteOffset, built.byteLength));
  const cached = findGuestKernel();
  if (cached) return read(cached.vmlinux);
  throw new StartError(
    'no-kernel',
    'there is no guest kernel yet: build it with `npm run guest`, or name one with kernel=FILE',
  );
}

function read(file: string): KernelImage {
  try {
    return parseKernel(readFileSync(file));
  } catch (error) {
    const reason =
      error instanceof MachineError ? `it is ${error.message}; an i386 kernel is needed` : errorText(error);
    throw new StartError('bad-kernel', `can't boot the kernel '${file}': ${reason}`);
  }
}

/** The guest kernel's configuration, for `--showconfig`; undefined if it is not known. */
export function kernelConfig(): string | undefined {
  const built = asset('guest-config');
  if (built) return Buffer.from(built).toString();
  const cached = findGuestKernel();
  return cached && readFileSync(cached.config, 'utf8');
}

/** The guest kernel's version, e.g. `6.1.192`; undefined if there is none yet. */
export function kernelRelease(): string | undefined {
  const config = kernelConfig();
  return config && /^# Linux\/\S+ (\S+) Kernel Configuration$/m.exec(config)?.[1];
}
