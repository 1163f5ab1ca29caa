/** Whatever is sent to the switch, on any of its sockets: it goes on, and does right by those who behave. */
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { closeFd, connect, hasCode, pathAddress, send, unixSocket } from '../../src/lib/os/index.ts';
import { seededRandom } from '../lib/switch/random.ts';
import { broadcast, frame, Guest, mac, newAddress, requestV0, requestV1, requestV3 } from '../lib/switch/wire.ts';
import { type Child, spawnTool, temporaryDirectory } from '../support/run.ts';

const FRAMES = 85_000;
const PACKETS = 5_000;
const REQUESTS = 10_000;
const TIMEOUT = 180_000;

let child: Child;
let path: string;
let bess: string;

beforeEach(async () => {
  path = join(temporaryDirectory(), 'ctl');
  bess = join(temporaryDirectory(), 'bess');
  child = spawnTool('uml_switch', ['-unix', path, '--bess', bess]);
  await child.waitFor(/attached to unix socket .*\n/);
});

/**
 * Sends a frame until it comes, past what is still on its way of the noise before: who could not read fast enough then
 * was given up, and has missed something. What came until then.
 */
async function deliver(from: Guest, to: Guest, wanted: Buffer): Promise<Buffer[]> {
  const seen: Buffer[] = [];
  for (;;) {
    await from.sendPatiently(wanted);
    const bytes = Buffer.from(await to.next());
    if (bytes.equals(wanted)) return seen;
    seen.push(bytes);
  }
}

/** Three new guests: broadcast reaches the two others, unicast the one that is meant and nobody else. */
async function expectService(): Promise<void> {
  const [a, b, c] = [await Guest.join(path), await Guest.join(path), await Guest.join(path)];
  const hello = frame(broadcast, mac(0xa1));
  await deliver(a, b, hello);
  await deliver(a, c, hello);
  const answer = frame(mac(0xa1), mac(0xb2));
  await deliver(b, a, answer);
  const unicast = frame(mac(0xb2), mac(0xa1), 1514);
  await deliver(a, b, unicast);
  const others = await deliver(a, c, frame(broadcast, mac(0xa1)));
  expect(others.some((bytes) => bytes.equals(unicast) || bytes.equals(answer))).toBe(false);
  for (const guest of [a, b, c]) guest.leave();
  expect(child.running).toBe(true);
}

/** Bytes of any length that are often nearly a frame: a tag, a group address, an address that others have too. */
function anyFrame(random: (limit: number) => number): Buffer {
  const bytes = Buffer.alloc(random(8) === 0 ? random(16) : random(200));
  for (let at = 0; at < bytes.length; at++) bytes[at] = random(256);
  if (bytes.length < 18) return bytes;
  if (random(2) === 0) mac(random(64)).copy(bytes, 0);
  if (random(2) === 0) mac(random(64)).copy(bytes, 6);
  if (random(3) === 0) bytes.writeUInt16BE(0x8100, 12);
  return bytes;
}

test(
  'frames that are none, from guests and from strangers',
  async () => {
    const random = seededRandom(1);
    const guests = [await Guest.join(path), await Guest.join(path)];
    const senders = [...guests, Guest.stranger(guests[0]!.switchAddress)];
    for (let n = 0; n < FRAMES; n++) await senders[random(senders.length)]!.sendPatiently(anyFrame(random));
    await expectService();
    for (const sender of senders) sender.leave();
  },
  TIMEOUT,
);

test(
  'packets that are no frames, on BESS ports that come and go',
  async () => {
    const random = seededRandom(2);
    for (let sent = 0; sent < PACKETS; ) {
      const fd = unixSocket('seqpacket');
      await patiently(() => connect(fd, pathAddress(bess)));
      for (const end = sent + 1 + random(200); sent < end; sent++) {
        const bytes = anyFrame(random);
        while (bytes.length > 0 && send(fd, bytes) === undefined) await new Promise(setImmediate);
      }
      closeFd(fd);
    }
    await expectService();
  },
  TIMEOUT,
);

test(
  'requests that are none: of any length, torn, mutilated, followed by more, left without a word',
  async () => {
    const random = seededRandom(3);
    const open: number[] = [];
    for (let n = 0; n < REQUESTS; n++) {
      const fd = unixSocket('stream');
      await patiently(() => connect(fd, pathAddress(path)));
      const bytes = anyRequest(random);
      const cut = random(2) === 0 ? bytes.length : random(bytes.length);
      for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) trySend(fd, part);
      if (random(16) === 0) open.push(fd);
      else closeFd(fd);
      if (open.length > 64) closeFd(open.shift()!);
    }
    await expectService();
    for (const fd of open) closeFd(fd);
  },
  TIMEOUT,
);

function anyRequest(random: (limit: number) => number): Buffer {
  const whole = [requestV0, requestV1, requestV3][random(3)]!(newAddress());
  switch (random(4)) {
    case 0: {
      const bytes = Buffer.alloc(random(300));
      for (let at = 0; at < bytes.length; at++) bytes[at] = random(256);
      return bytes;
    }
    case 1:
      return whole.subarray(0, random(whole.length));
    case 2:
      whole[random(20)] = random(256);
      return whole;
    default:
      return Buffer.concat([whole, Buffer.alloc(random(200), random(256))]);
  }
}

/** The switch may have hung up between the parts. */
function trySend(fd: number, bytes: Buffer): void {
  try {
    if (bytes.length > 0) send(fd, bytes);
  } catch (error) {
    if (!hasCode(error, 'EPIPE', 'ECONNRESET')) throw error;
  }
}

/** Tries again while the listener's queue is full. */
async function patiently(attempt: () => void): Promise<void> {
  for (;;) {
    try {
      attempt();
      return;
    } catch (error) {
      if (!hasCode(error, 'EAGAIN')) throw error;
      await new Promise(setImmediate);
    }
  }
}
