/** The host on our switch: a tap device in a network namespace of the test's own. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type NamedNamespace, namedNamespace } from '../support/namespace.ts';
import { type Child, root, temporaryDirectory } from '../support/run.ts';

const HOST = '10.99.0.1';
const GUEST = '10.99.0.2';
const GUEST_MAC = Buffer.from('02fefe000002', 'hex');

let namespace: NamedNamespace;

beforeEach(async () => {
  namespace = await namedNamespace('umlsw');
  await namespace.run('ip', 'tuntap', 'add', 'dev', 'swtap', 'mode', 'tap');
  await namespace.run('ip', 'addr', 'add', `${HOST}/24`, 'dev', 'swtap');
  await namespace.run('ip', 'link', 'set', 'swtap', 'up');
});

afterEach(() => namespace.remove());

async function startSwitch(): Promise<{ child: Child; path: string }> {
  const path = join(temporaryDirectory(), 'ctl');
  const child = namespace.spawn(join(root, 'src/main.ts'), 'uml_switch', '-unix', path, '-tap', 'swtap');
  await child.waitFor(/attached to unix socket '.*' tap device 'swtap'\nNew connection\n/);
  return { child, path };
}

async function startGuest(path: string): Promise<Child> {
  const guest = namespace.spawn(join(root, 'test/lib/switch/guest-process.ts'), path);
  await guest.waitFor(/joined\n/);
  return guest;
}

/** The next frame that the guest gets which this pattern of hexadecimal digits finds. */
async function nextFrame(guest: Child, pattern: RegExp): Promise<Buffer> {
  const [line] = await guest.waitFor(new RegExp(`^${pattern.source}\n`, 'm'));
  return Buffer.from(line.trim(), 'hex');
}

/** Answers an ARP request or an ICMP echo request as the host's peer would. */
function answer(request: Buffer): string {
  const reply = Buffer.from(request);
  request.copy(reply, 0, 6, 12);
  GUEST_MAC.copy(reply, 6);
  if (request.readUInt16BE(12) === 0x0806) {
    reply.writeUInt16BE(2, 20);
    GUEST_MAC.copy(reply, 22);
    request.copy(reply, 28, 38, 42);
    request.copy(reply, 32, 22, 32);
  } else {
    request.copy(reply, 26, 30, 34);
    request.copy(reply, 30, 26, 30);
    reply[34] = 0;
    reply.writeUInt16BE((request.readUInt16BE(36) + 0x0800) % 0xffff, 36);
  }
  return `${reply.toString('hex')}\n`;
}

const ARP_FOR_GUEST = /f{12}[0-9a-f]{12}0806[0-9a-f]{48}0a630002[0-9a-f]*/;
const PING = /02fefe000002[0-9a-f]{12}0800[0-9a-f]*/;

test('the host pings a guest through the switch, with frames of every size', async () => {
  const { child, path } = await startSwitch();
  const guest = await startGuest(path);
  const other = await startGuest(path);
  await namespace.run('ip', 'link', 'set', 'swtap', 'mtu', '9000');
  for (const size of [56, 1472, 8972]) {
    await namespace.run('ip', 'neigh', 'flush', 'dev', 'swtap');
    const ping = namespace.run('ping', '-c', '1', '-W', '20', '-s', String(size), GUEST);
    guest.write(answer(await nextFrame(guest, ARP_FOR_GUEST)));
    const echo = await nextFrame(guest, PING);
    expect(echo).toHaveLength(14 + 20 + 8 + size);
    guest.write(answer(echo));
    expect(await ping).toContain('1 packets transmitted, 1 received');
  }
  expect(other.stdout).not.toMatch(PING); // the ARP is for all, the ping for one
  expect(child.stdout).toMatch(/ Addr: [0-9a-f:]{17} New port 5\n/);
  expect(child.stdout).toContain(' Addr: 02:fe:fe:00:00:02 New port 6\n');
  expect((await child.kill()).stderr).toBe('');
});

test('guests go on when the tap device is deleted', async () => {
  const { child, path } = await startSwitch();
  const guest = await startGuest(path);
  await namespace.run('ip', 'link', 'del', 'swtap');
  await child.waitFor(/Reading tap data: File descriptor in bad state\n/);
  const other = await startGuest(path);
  const hello = `ffffffffffff02000000000108${'00'.repeat(47)}\n`;
  guest.write(hello);
  await other.waitFor(new RegExp(`^${hello}`, 'm'));
  expect(child.running).toBe(true);
});

test('a tap that is down costs its frames, not the switch', async () => {
  await namespace.run('ip', 'link', 'set', 'swtap', 'down');
  const { child, path } = await startSwitch();
  const [a, b] = [await startGuest(path), await startGuest(path)];
  const hello = `ffffffffffff02000000000108${'11'.repeat(47)}\n`;
  a.write(hello);
  await b.waitFor(new RegExp(`^${hello}`, 'm'));
  await child.waitFor(/send_tap: Input\/output error\n/);
});
