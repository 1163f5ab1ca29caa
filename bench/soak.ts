// Two instances and the switch side by side under ping and file copy: nothing may be lost, no kernel may complain, and
// the memory must stay flat. Minutes: SOAK_MINUTES, 10 unless given.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, start } from '../scripts/support/child.ts';
import { GuestShell } from '../scripts/support/guest-shell.ts';
import { findDemoRoot } from '../src/emulator/guest/index.ts';
import { residentMegabytes } from './idle.ts';

export const name = 'soak: two instances and uml_switch under ping and file copy';
export const onlyByName = true;

const bin = fileURLToPath(new URL('../dist/bin', import.meta.url));
const MINUTES = Number(process.env.SOAK_MINUTES ?? 10);
const FILE_MEGABYTES = 8;
const MINUTE = 60_000;

interface Guest {
  child: Child;
  shell: GuestShell;
}

export async function run(print: (line: string) => void): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'uml-soak-'));
  try {
    const uml = start(join(bin, 'uml_switch'), ['-unix', `${home}/ctl`]);
    await uml.waitFor(/attached/);
    const guests = await Promise.all([1, 2].map((host) => boot(home, host)));
    const [server, client] = guests as [Guest, Guest];
    await server.shell.run(`head -c ${FILE_MEGABYTES << 20} /dev/urandom > /tmp/file; httpd -p 80 -h /tmp`);
    const sum = await server.shell.run('md5sum < /tmp/file');
    await server.shell.run('ping -i 0.2 192.168.0.2 > /tmp/pings & echo $! > /tmp/ping.pid');
    const pids = { switch: uml.pid, server: server.child.pid, client: client.child.pid };
    const began = performance.now();
    let copies = 0;
    let reported = 0;
    while (performance.now() - began < MINUTES * MINUTE) {
      await client.shell.run('wget -q -O /root/copy http://192.168.0.1/file && sync');
      const copied = await client.shell.run('md5sum < /root/copy');
      if (copied !== sum) throw new Error(`copy ${copies} differs: ${copied} instead of ${sum}`);
      copies++;
      const minute = Math.floor((performance.now() - began) / MINUTE);
      if (minute === reported) continue;
      reported = minute;
      const memory = Object.entries(pids).map(([who, pid]) => `${who} ${residentMegabytes(pid)} MB`);
      print(`minute ${minute}: ${copies} copies of ${FILE_MEGABYTES} MiB; ${memory.join(', ')}`);
    }
    await server.shell.run('kill -INT $(cat /tmp/ping.pid)');
    const pings = await server.shell.run('sleep 1; tail -n 3 /tmp/pings');
    print(/.*packet loss/.exec(pings)?.[0] ?? pings);
    for (const { shell } of guests) {
      const complaints = await shell.run("dmesg | grep -iE 'error|warning|bug:|oops|hung|stalls|call trace' || true");
      print(complaints === '' ? 'no complaint in the kernel log' : complaints);
    }
    for (const { child, shell } of guests) {
      shell.type('poweroff');
      await child.exit();
    }
    await uml.kill();
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function boot(home: string, host: number): Promise<Guest> {
  const words = [
    ...['mem=128M', `umid=soak${host}`, `ubda=${home}/${host}.cow,${findDemoRoot()}`],
    ...['con=null', 'ssl=null', 'con0=fd:0,fd:1', `eth0=daemon,fe:fd:0:0:0:${host},unix,${home}/ctl`],
  ];
  const cache = process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? '/', '.cache');
  const child = start(join(bin, 'linux'), words, { cwd: home, env: { HOME: home, XDG_CACHE_HOME: cache } });
  const shell = new GuestShell(child);
  await shell.login();
  await shell.run(`ifconfig eth0 192.168.0.${host} up`);
  return { child, shell };
}
