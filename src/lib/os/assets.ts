import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sea from 'node:sea';

/** Whether this process is the single binary (a Node single executable application). */
export const inBinary: boolean = sea.isSea();

/**
 * The bytes of a file that travels with the program: from inside the single binary, else from `assets/` beside the
 * bundle, else from `dist/assets` of the source tree. Undefined where the build did not include it.
 */
export function asset(name: string): Uint8Array | undefined {
  try {
    if (inBinary) return new Uint8Array(sea.getRawAsset(name) as ArrayBuffer); // a read-only view, not a copy
    return readFileSync(join(assetDirectory(), name));
  } catch {
    return undefined;
  }
}

function assetDirectory(): string {
  const bundled = typeof __BUNDLED__ !== 'undefined';
  return bundled ? join(import.meta.dirname, 'assets') : join(import.meta.dirname, '../../../dist/assets');
}
