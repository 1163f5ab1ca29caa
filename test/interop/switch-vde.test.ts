/** Clients of vde_switch on our switch: Debian's vde_plug, and what libvdeplug does on the wire. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { closeFd, connect, pathAddress, readFd, send, unixSocket } from '../../src/lib/os/index.ts';
import { connectDaemon } from '../../src/lib/switch/index.ts';
import { Embedded } from '../lib/switch/embedded.ts';
import { broadcast, frame, Guest, mac, newAddress, requestV3 } from '../lib/switch/wire.ts';
import { hostsOnBridge } from '../support/hosts.ts';
import { type Child, runTool, spawnProgram, spawnTool, temporaryDirectory } from '../support/run.ts';
import { startPlug, startVdeSwitch, withLength } from '../support/vde.ts';

async function startSwitch(...args: string[]): Promise<{ child: Child; control: string; directory: string }> {
  const home = temporaryDirectory();
  const control = join(home, 'ctl');
  const directory = join(home, 'vde');
  const child = spawnTool('uml_switch', ['-unix', control, '--vde', directory, ...args]);
  await child.waitFor(/attached to unix socket .*\n/);
  return { child, control, directory };
}

const said = (bytes: Buffer) => new RegExp(`^${bytes.toString('hex')}\n`, 'm');
const plugged = (child: Child) => child.waitFor(/New connection\n/);

test('vde_plug on a directory and on the control socket, and a guest of UML: one Ethernet', async () => {
  const { child, control, directory } = await startSwitch();
  const guest = await Guest.join(control);
  await plugged(child);
  const one = startPlug(directory);
  await plugged(child);
  const two = startPlug(dirname(control));
  await plugged(child);
  const hello = frame(broadcast, mac(1), 1514);
  one.write(`${withLength(hello).toString('hex')}\n`);
  expect(await guest.next()).toEqual(hello);
  await two.waitFor(said(hello));
  const answer = frame(mac(1), mac(3));
  guest.send(answer);
  await one.waitFor(said(answer));
  const direct = frame(mac(3), mac(2), 1514);
  two.write(`${withLength(direct).toString('hex')}\n`);
  expect(await guest.next()).toEqual(direct);
  expect(one.stdout).not.toContain(direct.toString('hex'));
  one.write('kill\n');
  await child.waitFor(/Disconnect\n/);
  guest.leave();
  expect(child.stderr).toBe('');
});

test('vde_switch and ours, joined by a cable of vde_plugs, are one Ethernet', async () => {
  const { child, control, directory } = await startSwitch();
  const { directory: theirs } = await startVdeSwitch();
  const [here, also, there] = [
    await Guest.join(control),
    await Guest.join(control),
    await Guest.join(join(theirs, 'ctl')),
  ];
  const cable = spawnProgram('dpipe', ['vde_plug', directory, '=', 'vde_plug', theirs]);
  await child.waitFor(/(New connection\n.*){3}/s);
  // The other end may not be plugged in yet.
  const heard = there.next();
  const shouting = setInterval(() => void here.sendPatiently(frame(broadcast, mac(1))), 100);
  const hello = await heard;
  clearInterval(shouting);
  expect(hello.subarray(0, 12)).toEqual(Buffer.concat([broadcast, mac(1)]));
  const answer = frame(mac(1), mac(3), 1514);
  there.send(answer);
  expect(await here.next()).toEqual(answer);
  expect((await also.next()).subarray(0, 12)).toEqual(hello.subarray(0, 12)); // and not the answer
  for (const guest of [here, also, there]) guest.leave();
  await cable.kill();
});

test('two hundred frames in one go reach vde_plug whole', async () => {
  const { child, control, directory } = await startSwitch();
  const guest = await Guest.join(control);
  const plug = startPlug(directory);
  await child.waitFor(/New connection\n.*New connection\n/s);
  const frames = Array.from({ length: 200 }, () => frame(broadcast, mac(1), 1514));
  for (const each of frames) await guest.sendPatiently(each);
  for (const each of frames) await plug.waitFor(said(each));
  guest.leave();
});

test('the description of a client becomes the name of its port', async () => {
  const directory = join(temporaryDirectory(), 'vde');
  const subject = new Embedded({ vde: directory });
  const guest = await Guest.join(subject.control);
  const plug = startPlug(directory);
  const [, port] = (await subject.connected(2)) as [number, number];
  const hello = frame(broadcast, mac(1));
  plug.write(`${withLength(hello).toString('hex')}\n`);
  expect(await guest.next()).toEqual(hello);
  expect(subject.port(port)).toMatchObject({ kind: 'vde', name: expect.stringMatching(/^vdeplug: user=\w+ pid=\d+$/) });
  plug.write('kill\n');
  await subject.waitFor((events) => events.find((each) => each.event === 'disconnected'));
  expect(subject.network.ports().map(({ number }) => number)).toEqual([5]);
  guest.leave();
});

test('a client whose socket is not there, or who asks for a port by number, is refused', async () => {
  const { child, directory } = await startSwitch();
  const ask = (request: Buffer) => {
    const fd = unixSocket('stream');
    connect(fd, pathAddress(join(directory, 'ctl')));
    const described = Buffer.concat([request.subarray(0, 122), Buffer.from('somebody')]);
    return { fd, described };
  };
  const nowhere = newAddress();
  nowhere.fill(0, 2).write(join(directory, 'nobody'), 2);
  const first = ask(requestV3(nowhere));
  await sendAndWait(first.fd, first.described);
  await child.waitFor('Connecting to data socket: No such file or directory\n');
  const second = ask(requestV3(newAddress(), { type: 3 << 8 }));
  await sendAndWait(second.fd, second.described);
  await child.waitFor('Bad request type : 768\n');
});

/** Sends a request, and waits until the switch hangs up without an answer. */
async function sendAndWait(fd: number, request: Buffer): Promise<void> {
  send(fd, request);
  const room = Buffer.alloc(128);
  for (;;) {
    const n = readFd(fd, room);
    if (n === 0) break;
    expect(n).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  closeFd(fd);
}

test("our own client and C programs of the daemon protocol can use the directory's socket", async () => {
  const { control, directory } = await startSwitch();
  const guest = await Guest.join(join(directory, 'ctl'));
  let heard: (frame: Buffer) => void = () => {};
  const frames = new Promise<Buffer>((resolve) => {
    heard = resolve;
  });
  const port = await connectDaemon({
    path: control,
    onFrame: (bytes) => heard(Buffer.from(bytes)),
    onClose: () => {},
  });
  const hello = frame(broadcast, mac(1));
  guest.send(hello);
  expect(await frames).toEqual(hello);
  port.close();
  guest.leave();
});

test("vde_plug2tap joins another network namespace's tap to the switch's", async () => {
  const [here, there] = await hostsOnBridge(2);
  if (!here || !there) throw new Error('no hosts');
  const directory = join(temporaryDirectory(), 'vde');
  await here.addTap('here', '10.61.0.1/24');
  await here.addTap('also', '10.62.0.1/24');
  await there.addTap('there', '10.61.0.2/24');
  const { child } = await here.startSwitch('-tap', 'here', '-tap', 'also', '--vde', directory);
  const plug = there.spawn('vde_plug2tap', '-s', directory, 'there');
  await child.waitFor(/(New connection\n.*){3}/s);
  expect(readdirSync(directory)).toContain(`007.${child.pid}`);
  expect(await here.ping('10.61.0.2')).toBe('3 received');
  expect(await there.ping('10.61.0.1', '-s', '1472')).toBe('3 received');
  await plug.kill('SIGKILL');
  await child.waitFor('Disconnect\n');
  while (readdirSync(directory).includes(`007.${child.pid}`)) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(child.stderr).toBe('');
});

test('the directory is made for its owner alone, and goes with the switch', async () => {
  const { child, directory } = await startSwitch();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  const plug = startPlug(directory);
  await plugged(child);
  while (readdirSync(directory).some((name) => name.startsWith('.'))) {
    await new Promise((resolve) => setTimeout(resolve, 5)); // its own socket's name, which it removes
  }
  expect(readdirSync(directory).filter((name) => /^005\./.test(name))).toHaveLength(1);
  await child.kill('SIGTERM');
  expect(existsSync(directory)).toBe(false);
  await plug.kill();
});

test("a directory that was there stays, with what is somebody else's", async () => {
  const home = temporaryDirectory();
  const directory = join(home, 'vde');
  mkdirSync(directory);
  writeFileSync(join(directory, 'other'), '');
  const child = spawnTool('uml_switch', ['-unix', join(home, 'ctl'), '--vde', directory]);
  await child.waitFor(/attached to/);
  await child.kill('SIGTERM');
  expect(existsSync(join(directory, 'ctl'))).toBe(false);
  expect(existsSync(join(directory, 'other'))).toBe(true);
});

test('a directory that vde_switch serves is not taken over', async () => {
  const home = temporaryDirectory();
  const { directory } = await startVdeSwitch();
  const { status, stderr } = await runTool('uml_switch', ['-unix', join(home, 'ctl'), '--vde', directory]);
  expect(status).toBe(1);
  expect(stderr).toContain(`The vde socket '${directory}/ctl' has another server attached to it\n`);
  expect(existsSync(join(home, 'ctl'))).toBe(false);
});
