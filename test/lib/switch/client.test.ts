import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bind, closeFd, pathAddress, sendTo, unixSocket } from '../../../src/lib/os/index.ts';
import { connectDaemon, DaemonError, type DaemonPort } from '../../../src/lib/switch/index.ts';
import { dataAddress } from '../../../src/lib/switch/protocol.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { type FakeSwitch, fakeSwitch } from './fake-switch.ts';

let fake: FakeSwitch;
let control: Socket;
let port: DaemonPort;
let request: Buffer;
let received: Buffer[];
let arrived: () => void;
let closed: Promise<void>;

beforeEach(async () => {
  fake = await fakeSwitch();
  received = [];
  arrived = () => {};
  const connection = fake.connection();
  let onClose = () => {};
  closed = new Promise((resolve) => {
    onClose = resolve;
  });
  const connected = connectDaemon({
    path: fake.path,
    onFrame(frame) {
      received.push(Buffer.from(frame));
      arrived();
    },
    onClose,
  });
  control = await connection;
  [request] = (await once(control, 'data')) as [Buffer];
  control.write(fake.address);
  port = await connected;
});

afterEach(() => {
  port.close();
  control.destroy();
  fake.close();
});

const frame = (n: number, length = 60) => Buffer.alloc(length, n);

/** Empties the switch's queue until `count` frames came through it. */
async function takeAll(count: number): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  while (frames.length < count) {
    const next = fake.take();
    if (next) frames.push(next.frame);
    else await new Promise((resolve) => setImmediate(resolve));
  }
  return frames;
}

test('asks as the UML kernel does: 124 bytes, version 3, an abstract address made of the pid, zero-filled', () => {
  expect(request).toHaveLength(124);
  expect(request.subarray(0, 18).toString('hex')).toBe('cefaedfe0300000000000000010000000000');
  expect(request.readInt32LE(18)).toBe(process.pid);
  expect(request.readInt32LE(22)).toBeLessThan(1_000_000);
  expect(request.subarray(26).every((byte) => byte === 0)).toBe(true);
});

test('sends from the 110-byte address that it asked with', () => {
  expect(port.send(frame(1))).toBe(true);
  const { frame: sent, from } = fake.take()!;
  expect(sent).toEqual(frame(1));
  expect(Buffer.from(from)).toEqual(request.subarray(12, 122));
});

test('loses no frame while the queue of the switch is full, and keeps their order', async () => {
  const frames = Array.from({ length: 200 }, (_, n) => frame(n));
  expect(frames.map((f) => port.send(f))).not.toContain(false);
  expect(await takeAll(200)).toEqual(frames);
});

test('copies what has to wait: the caller may use its buffer again', async () => {
  const buffer = frame(0);
  for (let n = 0; n < 50; n++) {
    buffer.fill(n);
    port.send(buffer);
  }
  expect((await takeAll(50)).map((f) => f[0])).toEqual(Array.from({ length: 50 }, (_, n) => n));
});

test('a switch that never reads makes send() say so, and takes new frames once it reads again', async () => {
  let accepted = 0;
  while (port.send(frame(accepted & 255))) accepted++;
  expect(accepted).toBeGreaterThanOrEqual(256);
  expect(port.send(frame(9))).toBe(false);
  await takeAll(accepted);
  expect(port.send(frame(7))).toBe(true);
  expect(await takeAll(1)).toEqual([frame(7)]);
});

test('delivers every frame that waits, the largest whole', async () => {
  const own = request.subarray(12, 122);
  const frames = [frame(1), frame(2, 1518), frame(3, 65_535), frame(4)];
  for (const f of frames) fake.give(f, own);
  await new Promise<void>((resolve) => {
    arrived = () => received.length === frames.length && resolve();
  });
  expect(received).toEqual(frames);
});

test('while it stands still, its queue is as short as that of a UML: the switch keeps its buffer for others', () => {
  let taken = 0;
  while (taken < 1000 && fake.give(frame(1, 1500), request.subarray(12, 122))) taken++;
  expect(taken).toBe(1 + Number(readFileSync('/proc/sys/net/unix/max_dgram_qlen', 'latin1')));
});

test('takes frames from its switch alone', async () => {
  const own = request.subarray(12, 122);
  const stranger = unixSocket('dgram');
  sendTo(stranger, frame(1), own);
  bind(stranger, dataAddress(process.pid, 7));
  sendTo(stranger, frame(2), own);
  closeFd(stranger);
  fake.give(frame(3), own);
  await new Promise<void>((resolve) => {
    arrived = resolve;
  });
  expect(received).toEqual([frame(3)]);
});

test('reports the end of the switch once, and sends nothing after it', async () => {
  control.destroy();
  await closed;
  expect(port.send(frame(1))).toBe(false);
});

test('close() ends the control connection, which frees the port at the switch', async () => {
  const end = once(control, 'close');
  control.resume();
  port.close();
  await end;
  expect(port.send(frame(1))).toBe(false);
});

function staleSocket(): string {
  const path = join(temporaryDirectory(), 'stale');
  const fd = unixSocket('stream');
  bind(fd, pathAddress(path));
  closeFd(fd);
  return path;
}

test.each([
  ['no socket there', () => join(temporaryDirectory(), 'none'), 'errno = 2'],
  ['nobody listens', staleSocket, 'errno = 111'],
  ['a name that no socket can have', () => `/tmp/${'x'.repeat(108)}`, 'errno = 36'],
])('%s: the text of the kernel', async (_, path, reason) => {
  const failure = connectDaemon({ path: path(), onFrame() {}, onClose() {} });
  await expect(failure).rejects.toThrow(`daemon_open : control connect failed, ${reason}`);
  await expect(failure).rejects.toBeInstanceOf(DaemonError);
});

test('a switch that hangs up instead of answering', async () => {
  const connection = fake.connection();
  const failure = connectDaemon({ path: fake.path, onFrame() {}, onClose() {} });
  (await connection).end();
  await expect(failure).rejects.toMatchObject({
    code: 'DATA_READ',
    message: 'daemon_open : read of data socket failed, err = -107',
  });
});
