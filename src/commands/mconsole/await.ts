import { waitFor } from '../../lib/mconsole/index.ts';
import type { Arguments } from './arguments.ts';
import { endedBySignals } from './signals.ts';

/** Waits until the instance answers. The path of its socket. @throws MconsoleError TIMEOUT */
export async function awaitInstance(name: string, { timeout, umlDir, notifySocket }: Arguments): Promise<string> {
  const up = await endedBySignals((signal) => waitFor(name, { timeout, umlDir, notifySocket, signal }));
  return up.socketPath;
}
