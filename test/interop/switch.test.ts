/** One table of tests for two switches: ours and Debian's uml_switch. They differ only where docs/differences.md says so. */
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bind, closeFd, pathAddress, sendTo, unixSocket } from '../../src/lib/os/index.ts';
import { connectDaemon } from '../../src/lib/switch/index.ts';
import {
  broadcast,
  Control,
  frame,
  Guest,
  mac,
  newAddress,
  nextDatagram,
  requestV1,
  requestV3,
} from '../lib/switch/wire.ts';
import { type Child, spawnProgram, spawnTool, temporaryDirectory } from '../support/run.ts';

interface Subject {
  name: 'ours' | 'the C switch';
  spawn(args: readonly string[]): Child;
}

const ours: Subject = { name: 'ours', spawn: (args) => spawnTool('uml_switch', args) };
/** Its output is line-buffered by stdbuf, else it would keep it for itself in a pipe. */
const theirs: Subject = {
  name: 'the C switch',
  spawn: (args) => spawnProgram('stdbuf', ['-oL', 'uml_switch', ...args]),
};

class Network {
  readonly child: Child;
  readonly path: string;

  private constructor(child: Child, path: string) {
    this.child = child;
    this.path = path;
  }

  static async start(subject: Subject, ...args: string[]): Promise<Network> {
    const path = join(temporaryDirectory(), 'ctl');
    const child = subject.spawn(['-unix', path, ...args]);
    await child.waitFor(/attached to unix socket .*\n/);
    return new Network(child, path);
  }

  /** Guests that joined one after the other: they have ports 5, 6, 7 … */
  async guests(count: number): Promise<Guest[]> {
    const guests: Guest[] = [];
    for (let n = 0; n < count; n++) guests.push(await Guest.join(this.path));
    return guests;
  }
}

/** Asserts that no other frame is on its way to these guests: what is broadcast now is the next that they get. */
async function expectNothingMore(from: Guest, guests: Guest[]): Promise<void> {
  const marker = frame(broadcast, mac(0xee));
  await from.sendPatiently(marker);
  for (const guest of guests) expect(await guest.next()).toEqual(marker);
}

describe.each([ours, theirs])('$name', (subject) => {
  describe('forwarding', () => {
    test('floods at first, then sends to the port where the address was seen', async () => {
      const network = await Network.start(subject);
      const [a, b, c] = (await network.guests(3)) as [Guest, Guest, Guest];
      const hello = frame(broadcast, mac(1));
      a.send(hello);
      expect(await b.next()).toEqual(hello);
      expect(await c.next()).toEqual(hello);

      const reply = frame(mac(1), mac(2));
      b.send(reply);
      expect(await a.next()).toEqual(reply);

      const again = frame(mac(2), mac(1));
      a.send(again);
      expect(await b.next()).toEqual(again);
      await expectNothingMore(a, [b, c]);
    });

    test('floods frames for addresses that nobody has, and multicast', async () => {
      const network = await Network.start(subject);
      const [a, b, c] = (await network.guests(3)) as [Guest, Guest, Guest];
      for (const to of [mac(9), Buffer.from('01005e000001', 'hex'), Buffer.from('333300000001', 'hex')]) {
        const flooded = frame(to, mac(1));
        a.send(flooded);
        expect(await b.next()).toEqual(flooded);
        expect(await c.next()).toEqual(flooded);
      }
    });

    test('follows an address to another port', async () => {
      const network = await Network.start(subject);
      const [a, b, c] = (await network.guests(3)) as [Guest, Guest, Guest];
      a.send(frame(broadcast, mac(1)));
      await Promise.all([b.next(), c.next()]);
      c.send(frame(broadcast, mac(1)));
      await Promise.all([a.next(), b.next()]);
      const toMoved = frame(mac(1), mac(2));
      b.send(toMoved);
      expect(await c.next()).toEqual(toMoved);
      await network.child.waitFor(/ Addr: 02:00:00:00:00:01 New port 7 old port 5\n/);
      await expectNothingMore(b, [a, c]);
    });

    test('as a hub sends everything to everybody', async () => {
      const network = await Network.start(subject, '-hub');
      const [a, b, c] = (await network.guests(3)) as [Guest, Guest, Guest];
      a.send(frame(broadcast, mac(1)));
      await Promise.all([b.next(), c.next()]);
      const unicast = frame(mac(1), mac(2));
      b.send(unicast);
      expect(await a.next()).toEqual(unicast);
      expect(await c.next()).toEqual(unicast);
    });

    test.each([14, 60, 1514])('carries %d bytes as they are', async (length) => {
      const network = await Network.start(subject);
      const [a, b] = (await network.guests(2)) as [Guest, Guest];
      const sent = frame(broadcast, mac(1), length);
      a.send(sent);
      expect(await b.next()).toEqual(sent);
    });

    test.each([1515, 1518, 9000, 65_535])(
      '%d bytes: ours carries them, the C switch cuts them to 1514',
      async (length) => {
        const network = await Network.start(subject);
        const [a, b] = (await network.guests(2)) as [Guest, Guest];
        const sent = frame(broadcast, mac(1), length);
        a.send(sent);
        expect(await b.next()).toEqual(subject === ours ? sent : sent.subarray(0, 1514));
      },
    );

    // Of 0 bytes the C switch looks at the destination of the frame before it, so that it does is no rule.
    test.each(subject === ours ? [0, 3, 13] : [3, 13])(
      '%d bytes, no whole header: ours drops them, the C switch floods them',
      async (length) => {
        const network = await Network.start(subject);
        const [a, b] = (await network.guests(2)) as [Guest, Guest];
        a.send(Buffer.alloc(length, 0xff));
        if (subject === theirs) expect(await b.next()).toHaveLength(length);
        await expectNothingMore(a, [b]);
      },
    );

    test('a sender that has no port: ours drops its frames, the C switch floods them', async () => {
      const network = await Network.start(subject);
      const [a, b, c] = (await network.guests(3)) as [Guest, Guest, Guest];
      const intrusion = frame(broadcast, mac(7));
      Guest.stranger(a.switchAddress).send(intrusion);
      await network.child.waitFor(/Unknown connection for packet, shouldn't happen.\n/);
      if (subject === theirs) {
        for (const guest of [a, b, c]) expect(await guest.next()).toEqual(intrusion);
      }
      await expectNothingMore(a, [b, c]);
      expect(network.child.stdout).not.toContain('02:00:00:00:00:07');
    });

    test('a frame for an address behind its own port: ours keeps it, the C switch reflects it', async () => {
      const network = await Network.start(subject);
      const [a, b] = (await network.guests(2)) as [Guest, Guest];
      a.send(frame(broadcast, mac(1)));
      await b.next();
      const inward = frame(mac(1), mac(2));
      a.send(inward);
      if (subject === theirs) expect(await a.next()).toEqual(inward);
      await expectNothingMore(b, [a]);
    });

    test('a guest that does not read costs the others nothing', async () => {
      const network = await Network.start(subject);
      const [a, b, , c] = (await network.guests(4)) as [Guest, Guest, Guest, Guest];
      for (let n = 0; n < 300; n++) {
        const sent = frame(broadcast, mac(1));
        await a.sendPatiently(sent);
        expect(await b.next()).toEqual(sent);
        expect(await c.next()).toEqual(sent);
      }
      await network.child.waitFor(/send_sock sending to fd 4 Resource temporarily unavailable/);
    });
  });

  describe('ports', () => {
    test('a killed guest loses its port, the others go on', async () => {
      const network = await Network.start(subject);
      const victim = spawnProgram(process.execPath, [
        '--import',
        import.meta.resolve('tsx'),
        join(import.meta.dirname, '../lib/switch/guest-process.ts'),
        network.path,
      ]);
      await victim.waitFor(/joined\n/);
      const [a, b] = (await network.guests(2)) as [Guest, Guest];
      victim.write(`${frame(broadcast, mac(9)).toString('hex')}\n`);
      await Promise.all([a.next(), b.next()]);
      await victim.kill('SIGKILL');
      await network.child.waitFor(/Disconnect\n/);
      const toDead = frame(mac(9), mac(1));
      a.send(toDead);
      expect(await b.next()).toEqual(toDead);
    });

    test('numbers are given again, the lowest first', async () => {
      const network = await Network.start(subject);
      const [, b, c] = (await network.guests(3)) as [Guest, Guest, Guest];
      b.leave();
      await network.child.waitFor(/Disconnect\n/);
      const d = await Guest.join(network.path);
      d.send(frame(broadcast, mac(4)));
      await c.next();
      await network.child.waitFor(/ Addr: 02:00:00:00:00:04 New port 6\n/);
    });

    test('a client that says more than its request loses its port', async () => {
      const network = await Network.start(subject);
      const [a] = (await network.guests(1)) as [Guest];
      a.say(Buffer.from('x'));
      await a.hungUp();
      await network.child.waitFor(/Bad request\n/);
    });

    test('our own client of the library works with it', async () => {
      const network = await Network.start(subject);
      const [a] = (await network.guests(1)) as [Guest];
      const frames = new EventEmitter();
      const got = once(frames, 'frame');
      const port = await connectDaemon({
        path: network.path,
        onFrame: (bytes) => void frames.emit('frame', Buffer.from(bytes)),
        onClose() {},
      });
      const hello = frame(broadcast, mac(1));
      a.send(hello);
      expect(await got).toEqual([hello]);
      port.send(frame(broadcast, mac(2)));
      expect(await a.next()).toHaveLength(60);
      port.close();
      await network.child.waitFor(/Disconnect\n/);
    });
  });

  describe('the control protocol', () => {
    test.each([
      ['3', requestV3],
      ['1', requestV1],
    ])('version %s: answered with the 110 bytes of an abstract address that holds the pid', async (_, request) => {
      const network = await Network.start(subject);
      const [a] = (await network.guests(1)) as [Guest];
      const b = await Guest.join(network.path, request);
      expect(b.switchAddress).toHaveLength(110);
      expect(Buffer.from(b.switchAddress.subarray(0, 3))).toEqual(Buffer.from([1, 0, 0]));
      expect(b.switchPid).toBeGreaterThan(1);
      const hello = frame(broadcast, mac(1));
      a.send(hello);
      expect(await b.next()).toEqual(hello);
    });

    test('version 0 with a data socket that has a path', async () => {
      const directory = temporaryDirectory();
      const [path, data] = [join(directory, 'ctl'), join(directory, 'data')];
      const child = subject.spawn(['-compat-v0', '-unix', path, data]);
      await child.waitFor(
        new RegExp(`^Control protocol 0 compatibility\n.* attached to unix sockets '${path}' and '${data}'\n`),
      );
      const a = Guest.joinV0(path, data);
      const b = Guest.joinV0(path, data);
      const c = await Guest.join(path);
      expect(Buffer.from(c.switchAddress).toString('latin1', 2).replace(/\0.*/s, '')).toBe(data);
      await child.waitFor(/(New connection\n){3}/);
      const hello = frame(broadcast, mac(1));
      a.send(hello);
      expect(await b.next()).toEqual(hello);
      expect(await c.next()).toEqual(hello);
      const reply = frame(mac(1), mac(2));
      c.send(reply);
      expect(await a.next()).toEqual(reply);
    });

    test.each([
      ['an unknown type', requestV3(newAddress(), { type: 7 }), /^Bad request type : 7\n/],
      ['no magic', Buffer.from('78563412'.padEnd(240, '0'), 'hex'), /^Bad request type : 305419896\n/],
      ['a negative type', Buffer.alloc(120, 0xff), /^Bad request type : -1\n/],
    ])('%s is refused and hung up on', async (_, request, complaint) => {
      const network = await Network.start(subject);
      const [a, b] = (await network.guests(2)) as [Guest, Guest];
      await network.child.waitFor(/(New connection\n){2}/);
      const before = network.child.stdout.length;
      expect(await new Control(network.path).send(request).read()).toHaveLength(0);
      await network.child.waitFor(/No port associated with descriptor 7\n/);
      expect(network.child.stdout.slice(before)).toMatch(complaint);
      a.send(frame(broadcast, mac(1)));
      await b.next(); // nobody else was harmed
    });

    test('a connection that ends without a word', async () => {
      const network = await Network.start(subject);
      new Control(network.path).close();
      await network.child.waitFor(/No port associated with descriptor 5\n/);
      expect(network.child.stdout).toContain('EOF from new port\n');
    });
  });

  test('one session, the same words', async () => {
    const network = await Network.start(subject);
    const [a, b, c] = (await network.guests(3)) as [Guest, Guest, Guest];
    const heard = async (...guests: Guest[]) => void (await Promise.all(guests.map((guest) => guest.next())));
    a.send(frame(broadcast, mac(1)));
    await heard(b, c);
    b.send(frame(mac(1), mac(2)));
    await heard(a);
    c.send(frame(mac(1), mac(2)));
    await heard(a);
    c.send(frame(broadcast, Buffer.from('010000000007', 'hex')));
    await heard(a, b);
    b.leave();
    await network.child.waitFor(/Disconnect\n/);
    a.send(frame(broadcast, mac(1)));
    await heard(c); // it is out of printf, which its signal handler calls too
    const { status, signal, stdout, stderr } = await network.child.kill('SIGINT');
    expect({ status, signal, stderr }).toEqual({ status: null, signal: 'SIGINT', stderr: '' });
    expect(stdout).toBe(
      `uml_switch attached to unix socket '${network.path}'\n` +
        'New connection\n'.repeat(3) +
        ' Addr: 02:00:00:00:00:01 New port 5\n' +
        ' Addr: 02:00:00:00:00:02 New port 6\n' +
        ' Addr: 02:00:00:00:00:02 New port 7 old port 6\n' +
        'Disconnect\n' +
        'Caught signal 2, cleaning up and exiting\n',
    );
  });
});

describe('where the C switch goes wrong', () => {
  test('a closed port takes every address along: nobody gets the frames of one that left', async () => {
    const network = await Network.start(ours);
    const [a, b, c] = (await network.guests(3)) as [Guest, Guest, Guest];
    for (const n of [0x15, 0x16]) {
      c.send(frame(broadcast, mac(n)));
      await Promise.all([a.next(), b.next()]);
    }
    c.leave();
    await network.child.waitFor(/Disconnect\n/);
    const d = await Guest.join(network.path);
    for (const n of [0x15, 0x16]) {
      const sent = frame(mac(n), mac(1));
      a.send(sent);
      expect(await b.next()).toEqual(sent);
      expect(await d.next()).toEqual(sent);
    }
  });

  test('the line about an unknown address names that address, not the sender', async () => {
    const network = await Network.start(ours);
    const [a, b] = (await network.guests(2)) as [Guest, Guest];
    a.send(frame(mac(9), mac(1)));
    await b.next();
    await network.child.waitFor(/unknown Addr: 02:00:00:00:00:09 from port 5\n/);
  });

  test('a slow reader costs a line at once and one a second, with a count, not a line a frame', async () => {
    const network = await Network.start(ours);
    const [a, b, dead] = (await network.guests(3)) as [Guest, Guest, Guest];
    for (let n = 0; n < 100; n++) {
      await a.sendPatiently(frame(broadcast, mac(1)));
      await b.next();
    }
    await network.child.waitFor(/unavailable\n/);
    await network.child.waitFor(/unavailable \(\d+ frames to port 7\)\n/);
    expect(network.child.stderr.split('\n').length).toBeLessThan(20);
    expect(await dead.next()).toHaveLength(60);
  });

  test('many guests with full queues of large frames do not use up the buffer that all frames go through', async () => {
    const network = await Network.start(ours);
    const [a, b, ...dead] = (await network.guests(14)) as [Guest, Guest, ...Guest[]];
    expect(dead).toHaveLength(12);
    for (let n = 0; n < 30; n++) {
      const sent = frame(broadcast, mac(1), 60_000);
      await a.sendPatiently(sent);
      expect(await b.next()).toEqual(sent);
    }
  });

  test.each([
    ['2', 'Version 2 is not supported'],
    ['4', "Request for a version 4 port, which this uml_switch doesn't support"],
  ])('version %s is refused and hung up on, and harms nobody', async (version, complaint) => {
    const network = await Network.start(ours);
    const [a, b] = (await network.guests(2)) as [Guest, Guest];
    const request = requestV3(newAddress(), { version: Number(version) });
    expect(await new Control(network.path).send(request).read()).toHaveLength(0);
    await network.child.waitFor(/No port associated with descriptor 7\n/);
    expect(network.child.stderr).toBe(`${complaint}\nNo port associated with descriptor 7\n`);
    a.send(frame(broadcast, mac(1)));
    await b.next();
    b.leave();
    await network.child.waitFor(/Disconnect\n/);
  });

  test('a request may come in pieces, byte by byte', async () => {
    const network = await Network.start(ours);
    const [a] = (await network.guests(1)) as [Guest];
    const address = newAddress();
    const data = unixSocket('dgram');
    bind(data, address);
    const control = new Control(network.path);
    for (const byte of requestV3(address)) {
      control.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await control.read(110)).toEqual(Buffer.from(a.switchAddress));
    a.send(frame(broadcast, mac(1)));
    const b = await Guest.join(network.path);
    b.leave();
    await network.child.waitFor(/Disconnect\n/); // and the padding was not taken for a bad request
    expect(network.child.stdout).not.toContain('Bad request');
    control.close();
    closeFd(data);
  });

  test('half a request and then nothing is no port', async () => {
    const network = await Network.start(ours);
    new Control(network.path).send(requestV3(newAddress()).subarray(0, 60)).close();
    await network.child.waitFor(/No port associated with descriptor 5\n/);
    expect(network.child.stdout).toContain('EOF from new port\n');
    expect(network.child.stdout).not.toContain('New connection');
  });

  test('a client with a path for its address gets its frames, whatever follows the name in its request', async () => {
    const network = await Network.start(ours);
    const [a] = (await network.guests(1)) as [Guest];
    const name = pathAddress(join(temporaryDirectory(), 'own'));
    const data = unixSocket('dgram');
    bind(data, name);
    const address = Buffer.alloc(110, 0x77);
    address.set(name);
    const control = new Control(network.path).send(requestV1(address));
    await control.read(110);
    const hello = frame(broadcast, mac(1));
    a.send(hello);
    expect(await nextDatagram(data)).toEqual(hello);
    sendTo(data, frame(mac(1), mac(2)), a.switchAddress);
    expect(await a.next()).toHaveLength(60);
    control.close();
    closeFd(data);
    await network.child.waitFor(/Disconnect\n/);
    expect(network.child.stderr).toBe('');
  });
});
