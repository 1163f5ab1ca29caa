// SPDX-License-Identifier: GPL-2.0-or-later

/** `npm run guest`: builds the guest kernel and the demo root file system, unless the cache has them. */

import { buildGuest, GuestBuildError } from './index.ts';
import { progressLine } from './progress.ts';

/** Exit status of a process that a signal ended, as a shell counts. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const abort = new AbortController();
let status = 1;
for (const [signal, code] of Object.entries(SIGNALS)) {
  process.on(signal, () => {
    status = code;
    abort.abort();
  });
}

const line = progressLine(process.stderr);
try {
  const guest = await buildGuest({ signal: abort.signal, onProgress: line.show });
  line.clear();
  if (process.stderr.isTTY) process.stderr.write(`kernel ${guest.vmlinux}\nroot   ${guest.rootFs}\n`);
} catch (error) {
  line.clear();
  const text = error instanceof GuestBuildError ? error.message : `the build failed: ${(error as Error).message}`;
  process.stderr.write(`guest: ${text}\n`);
  process.exitCode = status;
}
