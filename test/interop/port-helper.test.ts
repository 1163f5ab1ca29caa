/** The real kernel's consoles on `port:` and `xterm`, with our port-helper handing over their terminals. */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type RealUml, startRealUml } from '../support/real-uml.ts';
import { temporaryDirectory, toolScript } from '../support/run.ts';
import { onTerminal } from '../support/terminal.ts';

let uml: RealUml | undefined;
afterEach(async () => {
  await uml?.stop();
  uml = undefined;
});

/** A shell on a console of the guest. */
const shellOn = (tty: string) => `setsid sh -c 'exec sh <${tty} >${tty} 2>&1' >/dev/null 2>&1 &`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Reads until a text comes. */
function hear(socket: Socket, wanted: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const listen = (data: Buffer) => {
      heard += data.toString('latin1');
      if (!heard.includes(wanted)) return;
      socket.off('data', listen);
      resolve(heard);
    };
    socket.on('data', listen).once('close', () => reject(new Error(`closed after ${heard}`)));
  });
}

it('a console that is reached by telnet', async () => {
  const directory = temporaryDirectory();
  // UML runs `in.telnetd -L HELPER`, which no package of Debian has; busybox's does the same
  writeFileSync(join(directory, 'in.telnetd'), '#!/bin/sh\nexec busybox telnetd -i -l "$2"\n', { mode: 0o755 });
  const port = await freePort();
  uml = await startRealUml({
    args: [`con1=port:${port}`],
    env: { PATH: `${directory}:${process.env.PATH}`, UML_PORT_HELPER: toolScript('port-helper') },
  });
  for (const round of [1, 2]) {
    await uml.command(shellOn('/dev/tty1'));
    const telnet = connect(port, '127.0.0.1');
    const answer = hear(telnet, `sum ${round} 42`);
    telnet.write(`echo sum ${round} $((40 + 2))\r`);
    await answer;
    telnet.destroy();
    await uml.command(`while pgrep -f 'sh.*tty1'; do sleep 0.1; done >/dev/null`);
  }
});

it('a console in a window', async () => {
  const directory = temporaryDirectory();
  const words = join(directory, 'words');
  const emulator = join(directory, 'emulator');
  writeFileSync(emulator, `#!/bin/sh\nprintf '%s\\n' "$@" >${words}.new; mv ${words}.new ${words}\nexec sleep 1000\n`, {
    mode: 0o755,
  });
  uml = await startRealUml({
    args: ['con1=xterm', `xterm=${emulator},-T,-e`],
    env: { DISPLAY: ':77' },
  });
  await uml.command(shellOn('/dev/tty1'));
  await expect.poll(() => existsSync(words), { timeout: 20_000 }).toBe(true);
  const [titleSwitch, title, runSwitch, helper, option, socket = ''] = readFileSync(words, 'utf8').split('\n');
  expect([titleSwitch, title, runSwitch, option]).toEqual([
    '-T',
    `Virtual Console #1 (${uml.umid})`,
    '-e',
    '-uml-socket',
  ]);
  expect(helper).toMatch(/port-helper$/);

  await using window = onTerminal(toolScript('port-helper'), ['-uml-socket', socket], {});
  window.type('echo sum $((40 + 2))\r');
  await window.waitFor(/^sum 42/m);
  window.hangUp(); // UML kills the helper then, if it is not gone by itself
  expect([
    { status: 0, signal: null },
    { status: null, signal: 'SIGKILL' },
  ]).toContainEqual(await window.exit());
});
