import { closeSync, existsSync, fstatSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  accept,
  bind,
  closeFd,
  connect,
  listen,
  type MessageWithDescriptors,
  OsError,
  pathAddress,
  rawAddress,
  receive,
  receiveWithDescriptors,
  SOCKADDR_UN_SIZE,
  send,
  sendTo,
  sendWithDescriptor,
  setSendBuffer,
  socketAddress,
  type UnixAddress,
  type UnixSocketType,
  unixSocket,
  unixSocketPair,
} from '../../../src/lib/os/index.ts';
import { runProgram, temporaryDirectory } from '../../support/run.ts';

const open: number[] = [];
afterEach(() => {
  for (const fd of open.splice(0)) closeFd(fd);
});

function socket(type: UnixSocketType): number {
  const fd = unixSocket(type);
  open.push(fd);
  return fd;
}

/** What a call throws, by code; the test fails when it throws nothing. */
function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof OsError) return error.code;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('addresses', () => {
  test('a path ends with a NUL, as the C tools bind it', () => {
    expect(Buffer.from(pathAddress('/tmp/s')).toString('latin1')).toBe('\x01\0/tmp/s\0');
  });

  test('a path may have 107 bytes, and not 108', () => {
    expect(pathAddress('x'.repeat(107)).length).toBe(SOCKADDR_UN_SIZE);
    expect(codeOf(() => pathAddress('x'.repeat(108)))).toBe('ENAMETOOLONG');
    expect(codeOf(() => pathAddress('é'.repeat(54)))).toBe('ENAMETOOLONG');
  });

  test('a path that is empty or has a NUL is not one', () => {
    expect(codeOf(() => pathAddress(''))).toBe('EINVAL');
    expect(codeOf(() => pathAddress('a\0b'))).toBe('EINVAL');
  });

  test('raw bytes may fill the whole sockaddr_un, and not more', () => {
    expect(rawAddress(Buffer.alloc(108)).length).toBe(110);
    expect(codeOf(() => rawAddress(Buffer.alloc(109)))).toBe('ENAMETOOLONG');
  });

  test('a bound path can be read back, and is the file that other programs see', async () => {
    const path = join(temporaryDirectory(), 'socket');
    const fd = socket('dgram');
    bind(fd, pathAddress(path));
    expect(Buffer.from(socketAddress(fd))).toEqual(Buffer.from(pathAddress(path)));
    expect(existsSync(path)).toBe(true);
    expect((await runProgram('stat', ['-c', '%F', path])).stdout).toBe('socket\n');
  });

  test('an unbound socket has only a family', () => {
    expect([...socketAddress(socket('dgram'))]).toEqual([1, 0]);
  });

  test('failures name the call and the path', () => {
    const missing = join(temporaryDirectory(), 'missing');
    expect(() => connect(socket('dgram'), pathAddress(missing))).toThrow(
      expect.objectContaining({
        code: 'ENOENT',
        errno: 2,
        syscall: 'connect',
        path: missing,
        message: `connect '${missing}': No such file or directory`,
      }),
    );
    const taken = join(temporaryDirectory(), 'taken');
    bind(socket('dgram'), pathAddress(taken));
    expect(codeOf(() => bind(socket('dgram'), pathAddress(taken)))).toBe('EADDRINUSE');
  });
});

describe('datagrams', () => {
  /** uml_switch's data addresses: the whole of sun_path, of which only the first bytes are not NUL (spec 8). */
  const padded = (text: string): Uint8Array => {
    const name = Buffer.alloc(108);
    name.write(text, 1);
    return rawAddress(name);
  };

  test('an abstract name of 110 bytes with NULs is another one than its short form', () => {
    const name = `uml-${process.pid}-padded`;
    const receiver = socket('dgram');
    bind(receiver, padded(name));
    expect(Buffer.from(socketAddress(receiver))).toEqual(Buffer.from(padded(name)));

    const sender = socket('dgram');
    const from = padded(`${name}-from`);
    bind(sender, from);
    expect(codeOf(() => sendTo(sender, Buffer.from('x'), rawAddress(Buffer.from(`\0${name}`))))).toBe('ECONNREFUSED');
    expect(sendTo(sender, Buffer.from('frame'), padded(name))).toBe(5);

    const buffer = Buffer.alloc(16);
    const datagram = receive(receiver, buffer);
    expect(datagram?.length).toBe(5);
    expect(buffer.toString('latin1', 0, 5)).toBe('frame');
    expect(Buffer.from(datagram?.from ?? [])).toEqual(Buffer.from(from));
  });

  test('NULs inside a name count', () => {
    const receiver = socket('dgram');
    bind(receiver, rawAddress(Buffer.from(`\0uml-${process.pid}\0a\0`)));
    const sender = socket('dgram');
    const other = rawAddress(Buffer.from(`\0uml-${process.pid}\0b\0`));
    expect(codeOf(() => sendTo(sender, Buffer.from('x'), other))).toBe('ECONNREFUSED');
    expect(sendTo(sender, Buffer.from('x'), rawAddress(Buffer.from(`\0uml-${process.pid}\0a\0`)))).toBe(1);
  });

  test('a datagram without a sender, an empty one, and one that does not fit', () => {
    const name = rawAddress(Buffer.from(`\0uml-${process.pid}-sizes`));
    const receiver = socket('dgram');
    bind(receiver, name);
    const sender = socket('dgram');
    expect(receive(receiver, Buffer.alloc(8))).toBeUndefined();
    sendTo(sender, Buffer.alloc(0), name);
    expect(receive(receiver, Buffer.alloc(8))).toEqual({ length: 0, from: Buffer.alloc(0) });
    sendTo(sender, Buffer.from('0123456789'), name);
    const whole = Buffer.alloc(8, '-');
    expect(receive(receiver, whole.subarray(2, 6))?.length).toBe(10);
    expect(whole.toString()).toBe('--0123--');
  });

  test('sends and receives the part of a buffer that it is given', () => {
    const name = rawAddress(Buffer.from(`\0uml-${process.pid}-part`));
    const receiver = socket('dgram');
    bind(receiver, name);
    const bytes = new Uint8Array(new ArrayBuffer(32), 8, 8).fill(7);
    sendTo(socket('dgram'), bytes.subarray(2, 5), name);
    const buffer = Buffer.alloc(8);
    expect(receive(receiver, buffer)?.length).toBe(3);
    expect([...buffer]).toEqual([7, 7, 7, 0, 0, 0, 0, 0]);
  });

  test('a full queue is undefined, a receiver that is gone an error', () => {
    const name = rawAddress(Buffer.from(`\0uml-${process.pid}-full`));
    const receiver = unixSocket('dgram');
    bind(receiver, name);
    const sender = socket('dgram');
    let sent = 0;
    while (sendTo(sender, Buffer.from('x'), name) !== undefined) sent++;
    expect(sent).toBeGreaterThan(0);
    closeFd(receiver);
    expect(codeOf(() => sendTo(sender, Buffer.from('x'), name))).toBe('ECONNREFUSED');
  });
});

describe('connections', () => {
  test('SEQPACKET keeps the borders of messages, in both directions, until the end', () => {
    const path = pathAddress(join(temporaryDirectory(), 'bess'));
    const server = socket('seqpacket');
    bind(server, path);
    listen(server, 5);
    expect(accept(server)).toBeUndefined();
    const client = unixSocket('seqpacket');
    connect(client, path);
    const peer = accept(server);
    if (peer === undefined) throw new Error('nobody to accept');
    open.push(peer);

    send(client, Buffer.from('one'));
    send(client, Buffer.from('two!'));
    const buffer = Buffer.alloc(16);
    expect([receive(peer, buffer)?.length, receive(peer, buffer)?.length]).toEqual([3, 4]);
    send(peer, Buffer.from('answer'));
    expect(receive(client, buffer)?.length).toBe(6);

    closeFd(client);
    expect(receive(peer, buffer)?.length).toBe(0);
    expect(codeOf(() => send(peer, Buffer.from('x')))).toBe('EPIPE');
  });

  test('a stream server of Node talks with our client', async () => {
    const path = join(temporaryDirectory(), 'stream');
    const server = createServer((connection) => connection.end('hello from Node'));
    await new Promise<void>((done) => server.listen(path, done));
    const client = unixSocket('stream');
    connect(client, pathAddress(path));
    const buffer = Buffer.alloc(64);
    let text = '';
    for (;;) {
      const part = receive(client, buffer.subarray(0, 6));
      if (part?.length === 0) break;
      if (part) text += buffer.toString('latin1', 0, part.length);
      else await new Promise((resolve) => setImmediate(resolve));
    }
    expect(text).toBe('hello from Node');
    closeFd(client);
    await new Promise((done) => server.close(done));
  });

  test("Node's stream client talks with our server", async () => {
    const path = join(temporaryDirectory(), 'stream');
    const server = socket('stream');
    bind(server, pathAddress(path));
    listen(server, 1);
    const client = createConnection(path);
    await new Promise<void>((done) => client.once('connect', done));
    const peer = accept(server);
    if (peer === undefined) throw new Error('nobody to accept');
    send(peer, Buffer.from('hello from us'));
    closeFd(peer);
    let text = '';
    for await (const part of client) text += part;
    expect(text).toBe('hello from us');
  });

  test('nobody listens', () => {
    const path = join(temporaryDirectory(), 'left-over');
    const server = unixSocket('stream');
    bind(server, pathAddress(path));
    closeFd(server);
    expect(codeOf(() => connect(socket('stream'), pathAddress(path)))).toBe('ECONNREFUSED');
    rmSync(path);
    expect(codeOf(() => connect(socket('stream'), pathAddress(path)))).toBe('ENOENT');
  });

  test('a closed descriptor is EBADF everywhere', () => {
    const fd = unixSocket('stream');
    closeFd(fd);
    expect(codeOf(() => receive(fd, Buffer.alloc(1)))).toBe('EBADF');
    expect(codeOf(() => send(fd, Buffer.alloc(1)))).toBe('EBADF');
    expect(codeOf(() => socketAddress(fd))).toBe('EBADF');
    expect(codeOf(() => closeFd(fd))).toBe('EBADF');
  });
});

describe('descriptors that travel', () => {
  function pair(type: UnixSocketType): [number, number] {
    const both = unixSocketPair(type);
    open.push(...both);
    return both;
  }

  /** A message that is there, its descriptors closed after the test. */
  function next(fd: number, buffer: Buffer): MessageWithDescriptors {
    const message = receiveWithDescriptors(fd, buffer);
    if (!message) throw new Error('nothing waits');
    open.push(...message.descriptors);
    return message;
  }

  test.each(['dgram', 'stream', 'seqpacket'] as const)('a file arrives over a %s pair with its message', (type) => {
    const [here, there] = pair(type);
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, 'what it says');
    const file = openSync(path, 'r');
    expect(sendWithDescriptor(here, Buffer.from('tap0'), file)).toBe(4);
    closeSync(file); // the copy on its way keeps the file open

    const buffer = Buffer.alloc(16, '-');
    const { length, descriptors } = next(there, buffer);
    expect([length, buffer.toString()]).toEqual([4, 'tap0------------']);
    expect(descriptors).toHaveLength(1);
    expect(readFileSync(descriptors[0] as number, 'utf8')).toBe('what it says');
    expect(readFileSync(`/proc/self/fdinfo/${descriptors[0]}`, 'utf8')).toMatch(/^flags:\t02\d{6}$/m); // O_CLOEXEC
    expect(receiveWithDescriptors(there, buffer)).toBeUndefined();
  });

  test('a message without one, and one that does not fit its buffer', () => {
    const [here, there] = pair('dgram');
    send(here, Buffer.from('bare'));
    expect(next(there, Buffer.alloc(8))).toMatchObject({ length: 4, descriptors: [] });
    sendWithDescriptor(here, Buffer.from('0123456789'), here);
    const whole = Buffer.alloc(8, '-');
    const { length, descriptors } = next(there, whole.subarray(2, 6));
    expect([length, whole.toString()]).toEqual([10, '--0123--']);
    expect(fstatSync(descriptors[0] as number).ino).toBe(fstatSync(here).ino);
  });

  test('a message with one tells its sender too', () => {
    const [here, there] = [unixSocket('dgram'), unixSocket('dgram')];
    open.push(here, there);
    const [sender, receiver] = ['sender', 'receiver'].map((name) => pathAddress(join(temporaryDirectory(), name))) as [
      UnixAddress,
      UnixAddress,
    ];
    bind(here, sender);
    bind(there, receiver);
    connect(here, receiver);
    sendWithDescriptor(here, Buffer.from('x'), here);
    expect(Buffer.from(next(there, Buffer.alloc(1)).from).equals(sender)).toBe(true);
  });

  test('the end of the peer, a full queue, a descriptor that is none', () => {
    const [here, there] = unixSocketPair('seqpacket');
    open.push(here);
    expect(codeOf(() => sendWithDescriptor(here, Buffer.from('x'), 99_999))).toBe('EBADF');
    while (send(here, Buffer.alloc(1000)) !== undefined);
    expect(sendWithDescriptor(here, Buffer.alloc(1000), here)).toBeUndefined();
    const buffer = Buffer.alloc(1000);
    while (receive(there, buffer) !== undefined);
    closeFd(there);
    expect(codeOf(() => sendWithDescriptor(here, Buffer.from('x'), here))).toBe('EPIPE');
    expect(codeOf(() => sendWithDescriptor(99_999, Buffer.from('x'), here))).toBe('EBADF');
  });

  test('the end of a stream', () => {
    const [here, there] = unixSocketPair('stream');
    open.push(there);
    closeFd(here);
    expect(next(there, Buffer.alloc(1))).toMatchObject({ length: 0, descriptors: [] });
  });
});

test('a larger send buffer takes more datagrams before it is full', () => {
  const room = (bytes: number): number => {
    const name = rawAddress(Buffer.from(`\0uml-${process.pid}-room-${bytes}`));
    bind(socket('dgram'), name);
    // The receiver's queue has a limit of its own (net.unix.max_dgram_qlen), so the senders' memory must run out first.
    const sender = socket('dgram');
    setSendBuffer(sender, bytes);
    let sent = 0;
    while (sendTo(sender, Buffer.alloc(1400), name) !== undefined) sent++;
    return sent;
  };
  expect(room(16_384)).toBeGreaterThan(room(4096));
});
