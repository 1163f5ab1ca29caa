/** The options that make ports: that frames pass through what the words say. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { closeFd, connect, pathAddress, send, unixSocket, unixSocketPair } from '../../src/lib/os/index.ts';
import { ConsoleClient } from '../../src/lib/switch/index.ts';
import { broadcast, frame, Guest, mac, nextDatagram } from '../lib/switch/wire.ts';
import { type Child, root, runTool, spawnTool, temporaryDirectory } from '../support/run.ts';

async function startIn(cwd: string, ...args: string[]): Promise<Child> {
  const child = spawnTool('uml_switch', ['-unix', 'sw.ctl', ...args], { cwd });
  await child.waitFor(/attached to unix socket 'sw.ctl'.*\n/);
  return child;
}

const given = new Set<number>();

/** A port on this host that nobody has at the moment, each time another one. */
async function freePort(): Promise<number> {
  for (;;) {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    await once(socket, 'close');
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

/** Two switches with a guest each, which hear each other over what joins the switches. */
async function expectJoined(first: readonly string[], second: readonly string[]): Promise<void> {
  const places = [temporaryDirectory(), temporaryDirectory()] as const;
  await startIn(places[0], ...first);
  await startIn(places[1], ...second);
  const [a, b] = [await Guest.join(join(places[0], 'sw.ctl')), await Guest.join(join(places[1], 'sw.ctl'))];
  const hello = frame(broadcast, mac(1));
  a.send(hello);
  expect(await b.next()).toEqual(hello);
  const answer = frame(mac(1), mac(2), 1500);
  b.send(answer);
  expect(await a.next()).toEqual(answer);
}

describe('a trunk between two switches', () => {
  test('--udp', async () => {
    const [one, two] = [await freePort(), await freePort()];
    await expectJoined(['--udp', `127.0.0.1:${one},127.0.0.1:${two}`], [`--udp=127.0.0.1:${two},127.0.0.1:${one}`]);
  });

  test('--mcast that stays on this host', async () => {
    const group = `239.192.77.1:${await freePort()},ttl=0,if=lo`;
    await expectJoined(['--mcast', group], ['--mcast', group]);
  });

  test('--vxlan', async () => {
    const port = await freePort();
    await expectJoined(
      ['--vxlan', `42,127.0.0.2:${port},127.0.0.1:${port}`],
      ['--vxlan', `42,127.0.0.1:${port},127.0.0.2:${port}`],
    );
  });

  test('--bess on one and --bess-to on the other', async () => {
    const path = join(temporaryDirectory(), 'bess');
    await expectJoined(['--bess', path], ['--bess-to', path]);
  });
});

describe('one after the other', () => {
  test('ports have numbers in the order of the words, and names that tell what they are', async () => {
    const cwd = temporaryDirectory();
    const [one, two] = [await freePort(), await freePort()];
    const child = await startIn(
      cwd,
      ...['-tap', 'umltest0', '--udp', `127.0.0.1:${one},127.0.0.1:${two}`, '-tap', 'umltest1', '--console', 'con'],
    );
    expect(child.stdout).toContain("uml_switch attached to unix socket 'sw.ctl' tap devices 'umltest0', 'umltest1'\n");
    const client = await ConsoleClient.connect(join(cwd, 'con'));
    const reply = await client.ask(['port', 'list'], 'json');
    client.close();
    const { result } = JSON.parse(reply.kind === 'done' ? reply.text : '{}') as {
      result: { number: number; kind: string; name: string }[];
    };
    expect(result.map(({ number, kind, name }) => [number, kind, name])).toEqual([
      [5, 'tap', 'umltest0'],
      [6, 'udp', `udp 127.0.0.1:${two}`],
      [7, 'tap', 'umltest1'],
    ]);
    await child.waitFor(/(New connection\n){3}/);
  });

  test('clients of BESS come and go', async () => {
    const cwd = temporaryDirectory();
    const child = await startIn(cwd, '--bess', 'one.bess', '--bess', 'two.bess');
    const clients = ['one.bess', 'two.bess'].map((name) => {
      const fd = unixSocket('seqpacket');
      connect(fd, pathAddress(join(cwd, name)));
      return fd;
    });
    await child.waitFor(/(New connection\n){2}/);
    const hello = frame(broadcast, mac(1));
    send(clients[0]!, hello);
    expect(await nextDatagram(clients[1]!)).toEqual(hello);
    for (const fd of clients) closeFd(fd);
    await child.waitFor(/(Disconnect\n){2}/);
  });
});

describe('--stream-to', () => {
  test('frames behind their lengths; what is none ends the port with a line, and the next one is attached by hand', async () => {
    const cwd = temporaryDirectory();
    const helper = createServer().listen(join(cwd, 'helper'));
    onTestFinished(() => void helper.close());
    await once(helper, 'listening');
    const connected = once(helper, 'connection') as Promise<[Socket]>;
    const child = await startIn(cwd, '--console', 'con', '--stream-to', 'helper');
    const [socket] = await connected;
    const guest = await Guest.join(join(cwd, 'sw.ctl'));
    const hello = frame(broadcast, mac(1));
    socket.write(Buffer.concat([Buffer.from([0, 0, 0, hello.length]), hello]));
    expect(await guest.next()).toEqual(hello);
    const answer = frame(mac(1), mac(2), 300);
    guest.send(answer);
    const [said] = (await once(socket, 'data')) as [Buffer];
    expect(said).toEqual(Buffer.concat([Buffer.from([0, 0, 1, 44]), answer]));

    socket.write('GET / HTTP/1.0\r\n\r\n');
    await once(socket, 'close');
    await child.waitFor(
      'Port 5 is closed: what it sends is no stream of frames, one of which would have 1195725856 bytes\n',
    );
    const again = once(helper, 'connection');
    const { status, stdout } = await runTool('switchctl', ['-s', 'con', 'port', 'attach', 'stream', 'helper'], { cwd });
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'port 5\n' });
    await again;
    guest.leave();
  });
});

describe('--fd', () => {
  test.each([[[]], [['-daemon']]])('a socket that was inherited, with %j', async (words: string[]) => {
    const cwd = temporaryDirectory();
    const [ours, theirs] = unixSocketPair('seqpacket');
    const child = spawn(
      process.execPath,
      [
        ...['--import', import.meta.resolve('tsx'), join(root, 'src/main.ts'), 'uml_switch'],
        ...['-unix', 'sw.ctl', '--console', 'con', '--fd', '4', ...words],
      ],
      { cwd, stdio: ['ignore', 'pipe', 'inherit', 'ignore', theirs] },
    );
    closeFd(theirs);
    await once(child.stdout!, 'data');
    const guest = await Guest.join(join(cwd, 'sw.ctl'));
    const hello = frame(broadcast, mac(1));
    guest.send(hello);
    expect(await nextDatagram(ours)).toEqual(hello);
    const answer = frame(mac(1), mac(2));
    send(ours, answer);
    expect(await guest.next()).toEqual(answer);
    const client = await ConsoleClient.connect(join(cwd, 'con'));
    await client.ask(['stop'], 'text');
    client.close();
    await guest.hungUp();
    closeFd(ours);
  });
});
