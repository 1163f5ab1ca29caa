import { beforeEach, expect, test } from 'vitest';
import { type NetworkNamespace, networkNamespace } from '../../support/namespace.ts';
import { runProgram } from '../../support/run.ts';
import { sourceCommand } from '../../support/source.ts';

const tuntap = new URL('../../../src/lib/tuntap/index.ts', import.meta.url);
const os = new URL('../../../src/lib/os/index.ts', import.meta.url);

let namespace: NetworkNamespace;
beforeEach(async () => {
  namespace = await networkNamespace();
});

/** Runs code with the library as `it` in the namespace; what it returns, by way of JSON. */
async function inside(code: string): Promise<unknown> {
  const prologue = `import * as os from '${os.href}';
    import { spawnSync } from 'node:child_process';
    const ip = (...words) => spawnSync('ip', words, { encoding: 'utf8' }).stdout;
    const thrown = (call) => { try { call(); } catch (error) { const { name, code, step, errno, device } = error; return [name, code, step, errno, device]; } };
    const next = (fd, wanted) => new Promise((resolve) => {
      const room = Buffer.alloc(65536);
      const watcher = os.watch(fd, { readable() {
        const length = os.readFd(fd, room);
        if (length === undefined || !wanted(room)) return;
        watcher.close();
        resolve(room.subarray(0, length));
      } });
    });
    const body = async () => {${code}};
    console.log(JSON.stringify(await body()));`;
  const [file, ...words] = namespace.inside(...sourceCommand(tuntap, prologue));
  const { stdout, stderr } = await runProgram(file, words);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as unknown;
}

test('a tap carries frames between the program and the host', async () => {
  const [nothing, frame, seen] = (await inside(`
    const fd = it.attachTap('guest');
    ip('link', 'set', 'guest', 'addrgenmode', 'none');
    ip('link', 'set', 'guest', 'arp', 'on', 'up');
    ip('addr', 'add', '10.99.0.1/24', 'dev', 'guest');
    const first = os.readFd(fd, Buffer.alloc(2048)) ?? 'nothing yet';
    const answer = next(fd, (frame) => frame.readUInt16BE(12) === 0x0806);
    os.writeFd(fd, Buffer.from('ffffffffffff02fefe0000020806' + '0001080006040001' + '02fefe0000020a630002' + '0000000000000a630001', 'hex'));
    return [first, (await answer).toString('hex'), ip('neigh', 'show', 'dev', 'guest')];
  `)) as [string, string, string];
  expect(nothing).toBe('nothing yet'); // it does not block
  expect(frame).toMatch(/^02fefe000002[0-9a-f]{12}0806000108000604000/); // the host's answer to the ARP request
  expect(seen).toContain('10.99.0.2 lladdr 02:fe:fe:00:00:02');
});

test('a tun carries packets, without any header', async () => {
  expect(
    await inside(`
      const fd = it.attachTun('');
      ip('link', 'set', it.attachedDevice(fd).name, 'addrgenmode', 'none');
      ip('link', 'set', it.attachedDevice(fd).name, 'up');
      ip('addr', 'add', '10.99.0.1', 'peer', '10.99.0.2', 'dev', it.attachedDevice(fd).name);
      const answer = next(fd, (packet) => packet[9] === 1);
      os.writeFd(fd, Buffer.from('4500001c0000400040012619' + '0a6300020a630001' + '0800f7ff00000000', 'hex'));
      const reply = await answer;
      return [it.attachedDevice(fd).name, reply.length, reply[0], reply[20]];
    `),
  ).toEqual(['tun0', 28, 0x45, 0]); // IPv4, an echo's reply
});

test('a virtio-net header stands before the frames where it was asked for', async () => {
  expect(
    await inside(`
      const fd = it.attachTap('virt', { vnetHeader: true });
      ip('link', 'set', 'virt', 'up');
      const frame = Buffer.alloc(10 + 60);
      return [os.writeFd(fd, frame), thrown(() => os.writeFd(fd, frame.subarray(0, 9)))[1], it.attachedDevice(fd)];
    `),
  ).toEqual([70, 'EINVAL', { name: 'virt', mode: 'tap', multiQueue: false, vnetHeader: true, packetInfo: false }]);
});

test('a descriptor is not handed on to programs that are started', async () => {
  expect(
    await inside(`
      const fd = it.attachTap('mine');
      const own = spawnSync('ls', ['-l', '/proc/' + process.pid + '/fd'], { encoding: 'utf8' }).stdout;
      const child = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }).stdout;
      return [own, child].map((list) => list.includes('/dev/net/tun'));
    `),
  ).toEqual([true, false]);
});

test('a device is made, changed, listed and deleted', async () => {
  expect(
    await inside(`
      const name = it.createDevice({ name: 'vm%d', owner: 1000 });
      it.createDevice({ name, group: 5 });
      const fd = it.attachTap(name);
      const [device] = it.listDevices();
      it.setCarrier(name, 'off');
      const unplugged = it.listDevices()[0];
      os.closeFd(fd);
      const deleted = it.deleteDevice(name);
      return [name, device, process.pid, unplugged.carrier, unplugged.inUse, deleted, it.listDevices()];
    `),
  ).toEqual([
    'vm0',
    {
      ...{ name: 'vm0', index: 2, mode: 'tap', owner: 1000, group: 5, persistent: true, multiQueue: false },
      ...{ vnetHeader: false, packetInfo: false, carrier: true, inUse: true, processes: [expect.any(Number)] },
    },
    expect.any(Number),
    false,
    true,
    'vm0',
    [],
  ]);
});

test('a device that lasts as long as its descriptor can have an owner', async () => {
  expect(
    await inside(`
      it.setOwner(it.attachTap('passing'), 1000);
      return it.listDevices().map(({ owner, persistent }) => [owner, persistent]);
    `),
  ).toEqual([[1000, false]]);
});

test('many devices are listed whole, in the order in which they were made', async () => {
  expect(
    await inside(`
      for (let i = 0; i < 70; i++) it.createDevice();
      return it.listDevices().map(({ name }) => name);
    `),
  ).toEqual(Array.from({ length: 70 }, (_, i) => `tap${i}`));
});

test('what fails says where, and why', async () => {
  const [EPERM, ENOENT, EBUSY, ENODEV, EINVAL, ENAMETOOLONG] = [1, 2, 16, 19, 22, 36];
  const long = 'x'.repeat(16);
  expect(
    await inside(`
      it.createDevice({ name: 'idle' });
      it.attachTap('open');
      return [
        thrown(() => it.attachTap('a', { cloneDevice: '/nosuch' })),
        thrown(() => it.attachTap('${long}')),
        thrown(() => it.attachTap('a\\0b')),
        thrown(() => it.createDevice({ name: '${long}' })),
        thrown(() => it.deleteDevice('${long}')),
        thrown(() => it.attachTap('open')),
        thrown(() => it.attachTun('idle')),
        thrown(() => it.attachTap('idle', { multiQueue: true })),
        thrown(() => it.createDevice({ name: 'a', owner: 2 ** 32 - 1 })),
        thrown(() => it.createDevice({ name: 'a', group: 2 ** 32 - 1 })),
        thrown(() => it.deleteDevice('a')),
        thrown(() => it.deleteDevice('')),
        thrown(() => it.setCarrier('a', 'on')),
        thrown(() => it.setCarrier('idle', 'on')),
        thrown(() => it.attachedDevice(0)).slice(0, 3),
        it.listDevices().map(({ name }) => name),
      ];
    `),
  ).toEqual([
    ['TuntapError', 'OPEN', 'open', ENOENT, null],
    ['TuntapError', 'NAME', 'name', ENAMETOOLONG, long],
    ['TuntapError', 'NAME', 'name', EINVAL, 'a\0b'],
    ['TuntapError', 'NAME', 'name', ENAMETOOLONG, long],
    ['TuntapError', 'NAME', 'name', ENAMETOOLONG, long],
    ['TuntapError', 'REQUEST', 'TUNSETIFF', EBUSY, 'open'],
    ['TuntapError', 'REQUEST', 'TUNSETIFF', EINVAL, 'idle'],
    ['TuntapError', 'REQUEST', 'TUNSETIFF', EINVAL, 'idle'],
    ['TuntapError', 'REQUEST', 'TUNSETOWNER', EINVAL, 'a'],
    ['TuntapError', 'REQUEST', 'TUNSETGROUP', EINVAL, 'a'],
    ['TuntapError', 'NO_DEVICE', 'delete', ENODEV, 'a'],
    ['TuntapError', 'NO_DEVICE', 'delete', ENODEV, ''],
    ['TuntapError', 'NO_DEVICE', 'carrier', ENODEV, 'a'],
    ['TuntapError', 'NOT_OPEN', 'carrier', EPERM, 'idle'],
    ['TuntapError', 'REQUEST', 'TUNGETIFF'],
    ['idle', 'open'],
  ]);
});
