import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sea from 'node:sea';

/** Whether this process is the single binary (a Node single executable application). */
export const inBinary: boolean = sea.isSea();

const bundled = typeof __BUNDLED__ !== 'undefined';

/**
 * The bytes of a file that travels with the program (scripts/build): from inside the single binary, else from `assets/`
 * beside the bundle. Undefined where the build did not include it, and when the program runs from its sources: there the
 * caller takes the file from where it is made, so that an old build can't stand in for it.
 */
export function asset(name: string): Uint8Array | undefined {
  try {
    if (inBinary) return new Uint8Array(sea.getRawAsset(name) as ArrayBuffer); // a read-only view, not a copy
    return bundled ? readFileSync(join(import.meta.dirname, 'assets', name)) : undefined;
  } catch {
    return undefined;
  }
}
