import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GuestShell } from '../../scripts/support/guest-shell.ts';
import { machineNode } from '../support/machine-node.ts';
import { demoRoot } from '../support/our-uml.ts';
import { root, spawnProgram, temporaryDirectory } from '../support/run.ts';

/** The forms in which `linux` is shipped, each with the guest kernel in it. */
test.each([
  ['the binary', () => [join(root, 'dist/bin/linux')]],
  ['the bundle', () => [machineNode(), join(root, 'dist/uml.cjs'), 'linux']],
])(
  '%s boots, starts itself anew under its pid on reboot, and ends with the guest',
  async (_form, command) => {
    const home = temporaryDirectory();
    const [file = '', ...first] = command();
    const words = ['mem=64M', `ubda=cow,${demoRoot()}`, 'umid=shipped', 'con=null', 'con0=fd:0,fd:1'];
    // Without a cache the kernel can only be the one that is shipped.
    const env = { HOME: home, UML_CACHE_DIR: join(home, 'empty') };
    const child = spawnProgram(file, [...first, ...words], { cwd: home, env, timeout: 120_000 });
    const shell = new GuestShell(child);
    await shell.login();
    await shell.run('echo kept > /root/note; sync');
    shell.type('reboot');
    await child.waitFor(/Linux version/);
    const rebooted = new GuestShell(child);
    await rebooted.login();
    expect(await rebooted.run('cat /root/note')).toBe('kept\n');
    rebooted.type('halt');
    expect(await child.exit()).toMatchObject({ status: 0, signal: null, stderr: '' });
  },
  240_000,
);
