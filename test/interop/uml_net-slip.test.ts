/** uml_net makes SLIP lines on a kernel that has them: Debian's UML, which runs ours from the machine's own files. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Step, StepOutcome } from '../fixtures/slip-lines.ts';
import { type RealUml, startRealUml } from '../support/real-uml.ts';
import { root, toolCommand } from '../support/run.ts';

/** Where the machine's files are in the guest. */
const HOST = '/host';
let uml: RealUml;

vi.setConfig({ testTimeout: 180_000 }); // a call is a start of Node in a guest

beforeAll(async () => {
  uml = await startRealUml({ mem: '512M' });
  await uml.command(`
    mount -t hostfs -o ro none ${HOST}
    mount -t proc proc ${HOST}/proc
    mount -t sysfs sys ${HOST}/sys
    mount -t devtmpfs dev ${HOST}/dev
    mkdir -p ${HOST}/dev/pts
    mount -t devpts pts ${HOST}/dev/pts
    for module in slip/slhc slip/slip veth; do
      insmod ${HOST}/usr/lib/uml/modules/$(uname -r)/kernel/drivers/net/$module.ko
    done
    exec chroot ${HOST} /bin/sh -e -c '
      ip link add eth0 type veth peer name eth1
      ip addr add 192.0.2.50/24 dev eth0
      ip link set eth0 up
      ip link set eth1 up
    '`);
  const program = join(root, 'test/fixtures/slip-lines.ts');
  const quiet = 'env NODE_NO_WARNINGS=1'; // of type stripping
  await uml.command(`
    mkfifo /tmp/steps /tmp/outcomes
    chroot ${HOST} ${quiet} ${process.execPath} ${program} 0<>/tmp/steps 1<>/tmp/outcomes &`);
});

afterAll(async () => {
  await uml?.stop();
});

/** Runs commands in the guest, one after the other, with a SLIP peer at the other end of descriptors 0 and 3. */
async function session(...steps: Step[]): Promise<StepOutcome[]> {
  const outcomes: StepOutcome[] = [];
  for (const step of steps) {
    const line = await uml.command(`cat >/tmp/steps <<'END'\n${JSON.stringify(step)}\nEND\nhead -n 1 /tmp/outcomes`);
    outcomes.push(JSON.parse(line) as StepOutcome);
  }
  return outcomes;
}

function command(words: readonly string[], line: 0 | 1 = 0): Step {
  return { line, command: words };
}

/** A call of uml_net. */
function call(words: string, line?: 0 | 1): Step {
  return command(uml_net(words), line);
}

function uml_net(words: string): string[] {
  const args = words.split(' ');
  if (process.env.UML_TEST_PROGRAM) return toolCommand('uml_net', args);
  const bundle = join(root, 'dist/uml.cjs'); // the sources take seconds there
  if (!existsSync(bundle)) throw new Error('this is about the built bundle: npm run build');
  return [process.execPath, bundle, 'uml_net', ...args];
}

/** What the guest has besides its LAN: addresses, routes, proxy ARP, and the kernel's switches. */
const state = command([
  'sh',
  '-c',
  "ip -4 -o addr show | awk '!/ (lo|eth0) / {print $2, $4}'; ip -o link show | grep -o 'sl[0-9].*mtu [0-9]*';" +
    'ip route | grep -v eth0; ip neigh show proxy; cd /proc/sys/net/ipv4; grep -H . ip_forward conf/sl*/proxy_arp',
]);
const ping = command(['ping', '-c', '1', '-W', '20', '192.0.2.2']);
const answered = expect.objectContaining({ stdout: expect.stringContaining(' 0% packet loss') });

const record = (text: string): string => `${String.fromCharCode(text.length & 0xff, text.length >> 8)}\0\0${text}`;
const answer = (text: string, status = 0): StepOutcome => ({ status, stdout: record(`${text}\0`), stderr: '' });
const seen = (text: string) => expect.objectContaining({ stdout: text });

// The texts and effects of the first two tests are the C tool's on this machine. It takes every line for sl0, and every caller for root.
const forwarded = '* bash -c echo 1 > /proc/sys/net/ipv4/ip_forward\n';
const added =
  '* route add -host 192.0.2.2 dev sl0\n* bash -c echo 1 > /proc/sys/net/ipv4/conf/sl0/proxy_arp\n' +
  '* arp -Ds 192.0.2.2 eth0 pub\n';
const deleted =
  '* route del -host 192.0.2.2 dev sl0\n* bash -c echo 0 > /proc/sys/net/ipv4/conf/sl0/proxy_arp\n' +
  '* arp -i eth0 -d 192.0.2.2 pub\n';

test('a line carries packets from its coming up to its going down', async () => {
  expect(
    await session(
      call('4 slip up 192.0.2.1'),
      call('4 add sl0 192.0.2.2 255.255.255.0'),
      state,
      ping,
      call('4 del sl0 192.0.2.2 255.255.255.0'),
      call('4 slip down sl0'),
      state,
    ),
  ).toEqual([
    answer(`* ifconfig sl0 192.0.2.1 mtu 1500 up\n${forwarded}`),
    answer(added),
    seen(
      'sl0 192.0.2.1/32\nsl0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1500\n192.0.2.2 dev sl0 scope link \n' +
        '192.0.2.2 dev eth0 proxy \nip_forward:1\nconf/sl0/proxy_arp:1\n',
    ),
    answered,
    answer(deleted),
    answer('* ifconfig sl0 0.0.0.0 down\n'),
    seen('sl0: <POINTOPOINT,MULTICAST,NOARP> mtu 1500\nip_forward:1\nconf/sl0/proxy_arp:0\n'),
  ]);
});

test('older kernels name the line, and tell of the guest’s address with it', async () => {
  expect(
    await session(
      call('3 slip up 3 192.0.2.1 192.0.2.2'),
      ping,
      call('3 slip down 3 192.0.2.2'),
      call('slip up 3 192.0.2.1 192.0.2.2'),
      call('slip down 3 192.0.2.2'),
      state,
    ),
  ).toEqual([
    answer(`* ifconfig sl0 192.0.2.1 mtu 1500 up\n${forwarded}${added}`),
    answered,
    answer(`${deleted}* ifconfig sl0 0.0.0.0 down\n`),
    { status: 0, stdout: '', stderr: '' },
    { status: 0, stdout: '', stderr: '' },
    seen('sl0: <POINTOPOINT,MULTICAST,NOARP> mtu 1500\nip_forward:1\nconf/sl0/proxy_arp:0\n'),
  ]);
});

test('a second line has an interface of its own; a caller that is not root has no addresses behind it', async () => {
  const capability = ['--inh-caps=+net_admin', '--ambient-caps=+net_admin'];
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...capability];
  const asUser = (words: string) => command([...user, ...uml_net(words)], 1);
  const refused = answer("uml_net : 'sl1' is no device of yours\n", 1);
  expect(
    await session(
      asUser('4 slip up 192.0.2.3'),
      asUser('4 add sl1 192.0.2.2 255.255.255.0'),
      asUser('3 slip up 3 192.0.2.3 192.0.2.2'),
      state,
    ),
  ).toEqual([
    answer(`* ifconfig sl1 192.0.2.3 mtu 1500 up\n${forwarded}`),
    refused,
    refused,
    seen(
      'sl1 192.0.2.3/32\nsl0: <POINTOPOINT,MULTICAST,NOARP> mtu 1500\n' +
        'sl1: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1500\n' +
        'ip_forward:1\nconf/sl0/proxy_arp:0\nconf/sl1/proxy_arp:0\n',
    ),
  ]);
});
