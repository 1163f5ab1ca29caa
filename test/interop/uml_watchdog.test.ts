/** The real kernel's watchdog, with ours in the place of /usr/bin/uml_watchdog: the kernel knows it by that path alone. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { notifications } from '../../src/lib/mconsole/index.ts';
import { type RealUml, startRealUml } from '../support/real-uml.ts';
import { temporaryDirectory, toolScript } from '../support/run.ts';

/** Boots an instance in a mount namespace in which uml_watchdog is ours, with a short patience. */
function startWatched(...args: string[]): Promise<RealUml> {
  const directory = temporaryDirectory();
  const script = `mount --bind "$0" /usr/bin/uml_watchdog && exec /usr/bin/linux.uml "$@"`;
  const watchdog = toolScript('uml_watchdog', '--timeout', '3');
  writeFileSync(join(directory, 'linux.uml'), `#!/bin/sh\nexec unshare --mount sh -c '${script}' ${watchdog} "$@"\n`, {
    mode: 0o755,
  });
  return startRealUml({ args, env: { PATH: `${directory}:${process.env.PATH}` } });
}

/** Opens the guest's watchdog, and writes to it no more. */
const HANG =
  '(exec 5>/dev/watchdog && echo x >&5 && exec sleep 1000) >/dev/null 2>&1 & until ls -l /proc/$!/fd/5 2>/dev/null; do sleep 0.1; done';

it('ends an instance that hangs', async () => {
  const uml = await startWatched();
  try {
    expect(await uml.command(HANG)).toContain('/dev/watchdog');
    expect(await uml.exited).toEqual({ status: 1, signal: null }); // as at SIGINT
  } finally {
    await uml.stop();
  }
});

it('kills one that can not even be interrupted', async () => {
  const uml = await startWatched();
  try {
    expect(await uml.command(HANG)).toContain('/dev/watchdog');
    process.kill(uml.pid, 'SIGSTOP');
    expect(await uml.exited).toEqual({ status: null, signal: 'SIGKILL' });
  } finally {
    await uml.stop();
  }
});

it('tells the listener of mconsole=notify instead; a guest that closes its watchdog is no concern any more', async () => {
  const path = join(temporaryDirectory(), 'notify');
  const heard = notifications(path);
  const uml = await startWatched(`mconsole=notify:${path}`);
  try {
    expect((await heard.next()).value).toEqual({ type: 'socket', path: uml.socket });
    expect(await uml.command('echo V >/dev/watchdog; echo user >/proc/mconsole')).toBe('');
    expect((await heard.next()).value).toMatchObject({ type: 'user' });
    expect(await uml.command(HANG)).toContain('/dev/watchdog');
    expect((await heard.next()).value).toEqual({ type: 'hang' });
    expect(await uml.command('echo still here')).toBe('still here\n');
  } finally {
    await heard.return?.();
    await uml.stop();
  }
});
