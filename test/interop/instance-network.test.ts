import { expect, onTestFinished, test } from 'vitest';
import { startOurUml } from '../support/our-uml.ts';
import { type RealUml, startRealUml } from '../support/real-uml.ts';
import { type Child, spawnProgram, spawnTool, temporaryDirectory } from '../support/run.ts';

async function startSwitch(which: string, socket: string): Promise<Child> {
  const child =
    which === 'our switch'
      ? spawnTool('uml_switch', ['-unix', socket])
      : spawnProgram('/usr/bin/stdbuf', ['-oL', '/usr/bin/uml_switch', '-unix', socket]);
  await child.waitFor(/attached to unix socket/);
  return child;
}

function nic(unit: number, host: number, socket: string): string {
  return `eth${unit}=daemon,fe:fd:c0:a8:0:${host.toString(16)},unix,${socket}`;
}

/** A real instance that is gone at the end of the test, whatever its result. */
async function startReal(args: readonly string[]): Promise<RealUml> {
  const real = await startRealUml({ args });
  onTestFinished(() => real.stop());
  return real;
}

const TIMEOUT = 240_000;

test.each(['our switch', 'the C switch'])(
  'two of ours and a real UML reach each other through %s',
  async (which) => {
    const socket = `${temporaryDirectory()}/sw.ctl`;
    const control = await startSwitch(which, socket);
    const [real, first, second] = await Promise.all([
      startReal([nic(0, 3, socket)]),
      startOurUml({ args: [nic(0, 1, socket)] }),
      startOurUml({ args: [nic(0, 2, socket), nic(1, 12, socket)] }),
    ]);
    await first.command('ifconfig eth0 192.168.0.1 up');
    await second.command('ifconfig eth0 192.168.0.2 up');
    await real.command('ifconfig eth0 192.168.0.3 up');
    expect(await second.command('cat /sys/class/net/eth0/address /sys/class/net/eth1/address')).toBe(
      'fe:fd:c0:a8:00:02\nfe:fd:c0:a8:00:0c\n',
    );
    for (const uml of [first, second, real]) {
      for (const host of [1, 2, 3]) {
        const said = await uml.command(`ping -c 3 -i 0.2 -W 5 192.168.0.${host}`);
        expect(said).toContain('3 packets transmitted, 3 packets received, 0% packet loss');
      }
    }
    // A file of full-size frames arrives whole.
    await first.command('head -c 3000000 /dev/urandom > /tmp/file');
    const sum = (await first.command('md5sum < /tmp/file')).trim();
    await first.command('httpd -p 4000 -h /tmp');
    for (const uml of [second, real]) {
      expect((await uml.command('wget -q -O - http://192.168.0.1:4000/file | md5sum')).trim()).toBe(sum);
    }
    await Promise.all([first.powerOff(), second.powerOff()]);
    expect(control.stdout).toContain('Disconnect');
  },
  TIMEOUT,
);
