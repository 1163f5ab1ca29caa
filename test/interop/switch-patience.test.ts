import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { connectDaemon } from '../../src/lib/switch/index.ts';
import { root, spawnProgram, spawnTool, temporaryDirectory } from '../support/run.ts';

/** More than all the queues on the way hold, but for the sender's own. */
const FRAMES = 500;
/** How long a guest's processor runs before its host side looks at the network again, in ms. */
const TURN = 2;

/** As an emulated processor does: takes the thread for a while, again and again, until told to stop. */
function keepBusy(): () => void {
  const word = new Int32Array(new SharedArrayBuffer(4));
  let busy = true;
  const turn = () => {
    if (!busy) return;
    Atomics.wait(word, 0, 0, TURN);
    setImmediate(turn);
  };
  turn();
  return () => {
    busy = false;
  };
}

test('a burst to a guest that looks at its network every few milliseconds arrives whole and in order', async () => {
  const path = join(temporaryDirectory(), 'ctl');
  await spawnTool('uml_switch', ['-unix', path]).waitFor(/attached/);
  const [here, there] = [Buffer.from('020000000001', 'hex'), Buffer.from('020000000002', 'hex')];
  const seen: number[] = [];
  let all = () => {};
  const arrived = new Promise<void>((resolve) => {
    all = resolve;
  });
  const port = await connectDaemon({
    path,
    onFrame(frame) {
      const bytes = Buffer.from(frame);
      if (!bytes.subarray(0, 6).equals(here)) return;
      seen.push(bytes.readUInt32BE(14));
      if (seen.at(-1) === FRAMES - 1) all();
    },
    onClose() {},
  });
  port.send(Buffer.concat([there, here, Buffer.alloc(48)])); // the switch learns where we are
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const sender = spawnProgram(process.execPath, [
    '--import',
    tsx,
    join(root, 'test/lib/switch/guest-process.ts'),
    path,
  ]);
  await sender.waitFor(/joined/);
  const frames = Array.from({ length: FRAMES }, (_, number) => {
    const frame = Buffer.concat([here, there, Buffer.alloc(200)]);
    frame.writeUInt32BE(number, 14);
    return frame.toString('hex');
  });
  const rest = keepBusy();
  sender.write(`${frames.join('\n')}\n`);
  await arrived;
  rest();
  port.close();
  expect(seen).toEqual(Array.from({ length: FRAMES }, (_, number) => number));
});
