/** Our guest side on the switches that others wrote: Debian's uml_switch and vde_switch. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connectDaemon, type DaemonPort } from '../../src/lib/switch/index.ts';
import { type Child, spawnProgram, temporaryDirectory } from '../support/run.ts';

interface Guest {
  port: DaemonPort;
  /** The next frame that has not been seen yet. */
  next(): Promise<Buffer>;
  closed: Promise<void>;
}

async function attach(path: string): Promise<Guest> {
  const frames: Buffer[] = [];
  let wake = () => {};
  let onClose = () => {};
  const closed = new Promise<void>((resolve) => {
    onClose = resolve;
  });
  const onFrame = (frame: Uint8Array) => {
    frames.push(Buffer.from(frame));
    wake();
  };
  return {
    port: await attachWhenUp({ path, onFrame, onClose }),
    async next() {
      while (frames.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return frames.shift()!;
    },
    closed,
  };
}

/** A C switch says nothing into a pipe when it is ready: its socket has to be tried. */
async function attachWhenUp(options: Parameters<typeof connectDaemon>[0]): Promise<DaemonPort> {
  for (;;) {
    try {
      return await connectDaemon(options);
    } catch (error) {
      if (!/errno = (2|111)$/.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const mac = (n: number) => Buffer.from([2, 0, 0, 0, 0, n]);
const broadcast = Buffer.alloc(6, 0xff);
const frame = (to: Buffer, from: Buffer, length = 60) => Buffer.concat([to, from, Buffer.alloc(length - 12, 8)]);

const switches: [string, (directory: string) => { child: Child; path: string }][] = [
  [
    'uml_switch',
    (directory) => {
      const path = join(directory, 'ctl');
      return { child: spawnProgram('uml_switch', ['-unix', path]), path };
    },
  ],
  [
    'vde_switch',
    (directory) => ({
      child: spawnProgram('vde_switch', ['-s', join(directory, 'vde')]),
      path: join(directory, 'vde', 'ctl'),
    }),
  ],
];

describe.each(switches)('%s', (_, startSwitch) => {
  test('carries frames between our guests, and its death is noticed', async () => {
    const { child, path } = startSwitch(temporaryDirectory());
    const [a, b, c] = [await attach(path), await attach(path), await attach(path)];

    const hello = frame(broadcast, mac(1));
    a.port.send(hello);
    expect(await b.next()).toEqual(hello);
    expect(await c.next()).toEqual(hello);

    const reply = frame(mac(1), mac(2));
    b.port.send(reply);
    expect(await a.next()).toEqual(reply);

    const burst = Array.from({ length: 100 }, (__, n) => frame(mac(2), mac(1), 100 + n));
    for (const one of burst) {
      a.port.send(one);
      expect(await b.next()).toEqual(one);
    }

    a.port.send(frame(broadcast, mac(1), 61));
    expect(await c.next()).toHaveLength(61); // and so none of the frames for b came here

    await child.kill();
    await Promise.all([a.closed, b.closed, c.closed]);
  });
});
