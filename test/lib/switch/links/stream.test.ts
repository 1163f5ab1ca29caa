/** Ports to a stream socket with frames behind their lengths: what passt and QEMU speak. */
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import {
  accept,
  bind,
  closeFd,
  listen,
  OsError,
  pathAddress,
  readFd,
  send,
  setReceiveBuffer,
  setSendBuffer,
  unixSocket,
} from '../../../../src/lib/os/index.ts';
import { readLength, writeLength } from '../../../../src/lib/switch/links/stream.ts';
import { temporaryDirectory } from '../../../support/run.ts';
import { Embedded } from '../embedded.ts';
import { seededRandom } from '../random.ts';
import { broadcast, frame, Guest, mac } from '../wire.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A frame as it is in the stream. */
function message(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The other side of a port. */
class Helper {
  readonly #fd: number;
  #bytes = Buffer.alloc(0);
  #isOpen = true;

  constructor(fd: number) {
    this.#fd = fd;
    onTestFinished(() => this.close());
  }

  /** Sends bytes as the socket takes them. */
  async say(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const sent = send(this.#fd, bytes.subarray(at));
      if (sent === undefined) await turn();
      else at += sent;
    }
  }

  /** Takes what is there, at most so many bytes. Whether anything was. */
  read(most = 1 << 20): boolean {
    const buffer = Buffer.alloc(most);
    const length = readFd(this.#fd, buffer) ?? 0;
    this.#bytes = Buffer.concat([this.#bytes, buffer.subarray(0, length)]);
    return length > 0;
  }

  /** The next frame; `most` bytes are read at a time. */
  async next(most?: number): Promise<Buffer> {
    const deadline = Date.now() + 10_000;
    for (;;) {
      if (this.#bytes.length >= 4 && this.#bytes.length >= 4 + this.#bytes.readUInt32BE()) {
        const end = 4 + this.#bytes.readUInt32BE();
        const found = this.#bytes.subarray(4, end);
        this.#bytes = this.#bytes.subarray(end);
        return found;
      }
      if (Date.now() > deadline) throw new Error(`no frame: ${this.#bytes.length} bytes`);
      if (!this.read(most)) await turn();
    }
  }

  /** The frames that have come whole since the last time. */
  frames(): Buffer[] {
    const found: Buffer[] = [];
    let at = 0;
    for (; at + 4 <= this.#bytes.length; ) {
      const end = at + 4 + this.#bytes.readUInt32BE(at);
      if (end > this.#bytes.length) break;
      found.push(this.#bytes.subarray(at + 4, end));
      at = end;
    }
    this.#bytes = this.#bytes.subarray(at);
    return found;
  }

  /** Waits until the switch hangs up. */
  async hungUp(): Promise<void> {
    const buffer = Buffer.alloc(1);
    for (;;) {
      try {
        if (readFd(this.#fd, buffer) === 0) return;
      } catch (error) {
        if (error instanceof OsError) return; // there was something that it had not read
        throw error;
      }
      await turn();
    }
  }

  close(): void {
    if (this.#isOpen) closeFd(this.#fd);
    this.#isOpen = false;
  }
}

let subject: Embedded;
let helper: Helper;
let port: number;
let guest: Guest;

beforeEach(async () => {
  const path = join(temporaryDirectory(), 'helper');
  const listener = unixSocket('stream');
  bind(listener, pathAddress(path));
  listen(listener, 1);
  subject = new Embedded();
  port = await subject.attach({ kind: 'stream', path });
  const fd = accept(listener)!;
  closeFd(listener);
  setReceiveBuffer(fd, 4096);
  setSendBuffer(fd, 4096);
  helper = new Helper(fd);
  guest = await Guest.join(subject.control);
  onTestFinished(() => guest.leave());
  expect(subject.port(port)).toMatchObject({ kind: 'stream', name: path });
});

test('the length of a frame, as it is before it', () => {
  const bytes = Buffer.alloc(6, 0xee);
  for (const length of [0, 60, 1514, 65_535, 0xfedc_ba98]) {
    writeLength(bytes, 1, length);
    expect(bytes.readUInt32BE(1)).toBe(length);
    expect(readLength(bytes, 1)).toBe(length);
  }
  expect([bytes[0], bytes[5]]).toEqual([0xee, 0xee]);
});

test('frames of every size go both ways, whatever pieces they come in', async () => {
  const sizes = [60, 1514, 14, 61, 9000, 62, 65_535, 63, 65_534];
  const frames = sizes.map((size) => frame(broadcast, mac(2), size));
  for (const each of frames) {
    await helper.say(message(each));
    expect(await guest.next()).toEqual(each);
  }
  const all = Buffer.concat(frames.slice(0, 6).map(message));
  for (const size of [all.length, 1, 3, 4, 5, 1000]) {
    for (let at = 0; at < all.length; at += size) {
      await helper.say(all.subarray(at, at + size));
      if (size < 10 && at < 200) await turn(); // so that it is read apart
    }
    for (const each of frames.slice(0, 6)) expect(await guest.next()).toEqual(each);
  }
  for (const size of sizes) {
    const sent = frame(mac(2), mac(1), size);
    guest.send(sent);
    expect(await helper.next(1000)).toEqual(sent);
  }
  expect(subject.port(port).counters).toMatchObject({ rxFrames: 9 + 6 * 6, rxDropped: 0, txFrames: 9, txLost: 0 });
});

test('many small frames in one piece all arrive, in order', async () => {
  const frames = Array.from({ length: 400 }, () => frame(broadcast, mac(2)));
  const said = helper.say(Buffer.concat(frames.map(message)));
  for (const each of frames) expect(await guest.next()).toEqual(each);
  await said;
});

test('a tag is put into what came from the stream, and taken out of what goes to it', async () => {
  const trunk = await Guest.join(subject.control);
  const [, number] = (await subject.connected(3)) as [number, number, number];
  subject.network.change({ set: 'vlan', port, vlan: { mode: 'access', vlan: 7 } });
  subject.network.change({ set: 'vlan', port: number + 1, vlan: { mode: 'trunk', vlans: [7] } });
  const [one, two] = [frame(broadcast, mac(2), 61), frame(broadcast, mac(2), 1514)];
  await helper.say(Buffer.concat([message(one), message(two)]));
  const tag = Buffer.from([0x81, 0, 0, 7]);
  const tagged = (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 12), tag, bytes.subarray(12)]);
  expect(await trunk.next()).toEqual(tagged(one));
  expect(await trunk.next()).toEqual(tagged(two));
  const answer = frame(mac(2), mac(3), 1000);
  trunk.send(tagged(answer));
  expect(await helper.next()).toEqual(answer);
  trunk.leave();
});

test('what is too short for a frame is dropped, and the next one is found', async () => {
  const good = frame(broadcast, mac(2));
  await helper.say(Buffer.concat([message(Buffer.alloc(0)), message(Buffer.alloc(13)), message(good)]));
  expect(await guest.next()).toEqual(good);
  expect(subject.port(port).counters).toMatchObject({ rxFrames: 3, rxDropped: 2 });
});

test.each([65_536, 0x4745_5420, 0xffff_ffff])('a length of %i closes the port, and says so once', async (length) => {
  const good = frame(broadcast, mac(2));
  const bad = Buffer.alloc(100, 0x20);
  bad.writeUInt32BE(length);
  await helper.say(Buffer.concat([message(good), bad]));
  expect(await guest.next()).toEqual(good);
  await subject.ended(port);
  const told = subject.events.filter((each) => each.event === 'frames' && each.report.report === 'ended');
  expect(told).toEqual([{ event: 'frames', report: { report: 'ended', port, badLength: length } }]);
  await helper.hungUp();
  expect(subject.network.ports().map((each) => each.kind)).toEqual(['client']);
});

test('a helper that leaves in the midst of a frame takes its port with it', async () => {
  await helper.say(message(frame(broadcast, mac(2))).subarray(0, 20));
  helper.close();
  expect(await subject.ended(port)).toBe('closed');
});

test.each([1514, 65_535])(
  'one that does not read %i bytes is stuck and delays nobody; then it gets whole frames',
  async (size) => {
    const other = await Guest.join(subject.control);
    const sent: Buffer[] = [];
    for (let n = 0; n < 1000; n++) {
      sent.push(frame(broadcast, mac(1), size));
      guest.send(sent[n]!);
      expect(await other.next()).toEqual(sent[n]);
      if (n > 20 && subject.port(port).isStuck) break;
    }
    await subject.counted(port, ({ isStuck }) => isStuck);
    const got: Buffer[] = [];
    const read = () => {
      while (helper.read());
      got.push(...helper.frames());
    };
    // Of the last one that it gets a part may be in the socket: the rest comes when there is something to send.
    await subject.counted(port, ({ counters }) => {
      read();
      return counters.txFrames - got.length <= 1;
    });
    const last = frame(broadcast, mac(1));
    guest.send(last);
    const { counters } = await subject.counted(port, (each) => {
      read();
      return got.at(-1)?.equals(last) === true && each.counters.txFrames === got.length;
    });
    expect(counters.txLost).toBe(sent.length + 1 - got.length);
    expect(counters.txLost).toBeGreaterThan(0);
    for (const [n, each] of got.slice(0, -1).entries()) expect(each.equals(sent[n]!)).toBe(true);
    await subject.counted(port, ({ isStuck }) => !isStuck);
    other.leave();
  },
);

test('one that reads slowly gets all, in order, also the end of the last', async () => {
  const sent = Array.from({ length: 12 }, () => frame(broadcast, mac(1), 65_535));
  const got: Buffer[] = [];
  // A process that has no turn for as long looks to the switch as if it did not read, and may lose frames then.
  let last = performance.now();
  let longest = 0;
  const read = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    helper.read(3000);
    got.push(...helper.frames());
  };
  for (const each of sent) {
    await guest.sendPatiently(each);
    read();
  }
  const { counters } = await subject.counted(port, ({ counters: { txFrames, txLost } }) => {
    for (let n = 0; n < 100; n++) read();
    return txFrames + txLost === sent.length && got.length === txFrames;
  });
  expect(got.every((each) => sent.some((one) => one.equals(each)))).toBe(true);
  if (longest < 100) expect([counters.txLost, got]).toEqual([0, sent]);
});

test('whatever is lost on the way, what comes are whole frames in their order', async () => {
  const random = seededRandom(7);
  const sent: Buffer[] = [];
  const got: Buffer[] = [];
  const say = async (length: number) => {
    const bytes = frame(broadcast, mac(1), length);
    bytes.writeUInt32BE(sent.length, 14);
    sent.push(bytes);
    await guest.sendPatiently(bytes);
  };
  const sayAny = () => say(random(3) === 0 ? 20_000 + random(45_536) : 60 + random(1455));
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 200; n++) {
      await sayAny();
      if (random(2) === 0 && helper.read(1 + random(60_000))) got.push(...helper.frames());
    }
    while (!subject.port(port).isStuck) await sayAny(); // nobody reads
  }
  const end = sent.length;
  while (got.every((each) => each.readUInt32BE(14) < end)) {
    await say(60);
    await turn();
    while (helper.read());
    got.push(...helper.frames());
  }
  const { counters } = await subject.counted(port, (each) => {
    while (helper.read());
    got.push(...helper.frames());
    return each.counters.txFrames === got.length && each.counters.txFrames + each.counters.txLost === sent.length;
  });
  expect(counters.txLost).toBeGreaterThan(0);
  const numbers = got.map((each) => each.readUInt32BE(14));
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  for (const each of got) expect(each.equals(sent[each.readUInt32BE(14)]!)).toBe(true);
});
