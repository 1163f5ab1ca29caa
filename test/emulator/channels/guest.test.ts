/** The serial lines with the real driver: Linux's 8250 in the guest, a terminal of the host at the other end. */
import { createHash } from 'node:crypto';
import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFd, type Watcher, watch, writeFd } from '../../../src/lib/os/index.ts';
import { type OurUml, startOurUml } from '../../support/our-uml.ts';
import { temporaryDirectory } from '../../support/run.ts';

let uml: OurUml;
const terminals = new Map<number, number>();

/** The host's end of a serial line on `pts`; the guest makes it by writing to the line. */
async function terminal(line: number): Promise<number> {
  await uml.command(`stty -F /dev/ttyS${line} raw -echo; echo hi > /dev/ttyS${line}`);
  const logged = await uml.command(`while ! dmesg | grep 'Serial line ${line} assigned'; do sleep 0.1; done`);
  const path = /assigned device '(.*)'/.exec(logged)![1]!;
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  terminals.set(line, fd);
  expect((await take(fd, 3)).toString()).toBe('hi\n');
  return fd;
}

/** The next bytes that come out of a terminal. */
function take(fd: number, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let missing = count;
  return new Promise((resolve) => {
    const watcher: Watcher = watch(fd, {
      readable() {
        const buffer = Buffer.alloc(Math.min(missing, 4096));
        const length = readFd(fd, buffer) ?? 0;
        chunks.push(buffer.subarray(0, length));
        missing -= length;
        if (missing > 0) return;
        watcher.close();
        resolve(Buffer.concat(chunks));
      },
    });
  });
}

/** Types bytes into a terminal, as fast as it takes them. */
function type(fd: number, bytes: Buffer): Promise<void> {
  let rest = bytes;
  return new Promise((resolve) => {
    const watcher: Watcher = watch(fd, {
      writable() {
        rest = rest.subarray(writeFd(fd, rest) ?? 0);
        if (rest.length > 0) return;
        watcher.close();
        resolve();
      },
    });
  });
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

const everyByte = Buffer.from(Array.from({ length: 64 * 256 }, (_, i) => i & 0xff));

beforeAll(async () => {
  const disk = join(temporaryDirectory(), 'every-byte');
  writeFileSync(disk, everyByte);
  uml = await startOurUml({ args: ['ssl1=pts', 'ssl15=pts', `ubdb=${disk}`] });
});

afterAll(async () => {
  await uml?.powerOff();
  for (const fd of terminals.values()) closeSync(fd);
});

describe('serial lines in the guest', () => {
  it('are sixteen 16550A', async () => {
    const ports = await uml.command("grep -c 'uart:16550A' /proc/tty/driver/serial");
    expect(ports).toBe('16\n');
  });

  it('carry every byte value out, unchanged', async () => {
    const fd = await terminal(1);
    const bytes = take(fd, everyByte.length);
    await uml.command('cat /dev/ubdb > /dev/ttyS1');
    expect(md5(await bytes)).toBe(md5(everyByte));
  });

  it('carry far more in than a FIFO holds, and lose nothing', async () => {
    const fd = terminals.get(1) ?? (await terminal(1));
    const sent = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
    const answer = uml.command(`head -c ${sent.length} /dev/ttyS1 | md5sum`);
    await type(fd, sent);
    expect(await answer).toBe(`${md5(sent)}  -\n`);
  });

  it('are the lines that the host knows by the same number', async () => {
    const fd = await terminal(15);
    const answer = uml.command('head -n 1 /dev/ttyS15');
    await type(fd, Buffer.from('fifteen\n'));
    expect(await answer).toBe('fifteen\n');
  });
});
