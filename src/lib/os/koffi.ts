import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asset, inBinary } from './assets.ts';
import { hasRaisedRights } from './privilege.ts';

type Koffi = typeof import('koffi');
let loaded: Koffi | undefined;

const O_TMPFILE = 0o20200000; // include/uapi/asm-generic/fcntl.h (x86, arm64); not in fs.constants

/** The foreign function interface: from node_modules, or in the single binary from its own copy of the addon. */
export function koffi(): Koffi {
  loaded ??= inBinary ? fromAsset('koffi.node') : (createRequire(import.meta.url)('koffi') as Koffi);
  return loaded;
}

/** Where a program with more rights than its caller puts its addon: no directory of the caller's choice. */
const SAFE_DIRECTORIES = ['/dev/shm', '/tmp', '/var/tmp'];

/** dlopen wants a path: an unnamed file's /proc path leaves nothing behind. */
function fromAsset(name: string): Koffi {
  const bytes = asset(name);
  if (!bytes) throw new Error(`this binary was built without ${name}`);
  const module = { exports: {} as Koffi };
  const raised = hasRaisedRights();
  for (const directory of raised ? SAFE_DIRECTORIES : [process.env.XDG_RUNTIME_DIR, tmpdir(), '/dev/shm']) {
    if (!directory) continue;
    try {
      const fd = openSync(directory, O_TMPFILE | constants.O_RDWR, 0o700);
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
        process.dlopen(module, `/proc/self/fd/${fd}`);
        return module.exports;
      } finally {
        closeSync(fd);
      }
    } catch {
      // that file system has no O_TMPFILE, or is mounted noexec: try the next
    }
  }
  // The caller could change a file that has a name before it is loaded.
  if (raised) throw new Error(`none of ${SAFE_DIRECTORIES.join(', ')} can hold a program's unnamed file`);
  const directory = mkdtempSync(join(tmpdir(), 'uml-'));
  try {
    const file = join(directory, name);
    writeFileSync(file, bytes, { mode: 0o700 });
    process.dlopen(module, file);
    return module.exports;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
