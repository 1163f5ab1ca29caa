/** Clients that die, or stand still, at any point. */
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { broadcast, frame, Guest, mac } from '../lib/switch/wire.ts';
import { type Child, root, spawnProgram, spawnTool, temporaryDirectory } from '../support/run.ts';

const tsx = import.meta.resolve('tsx');
const script = join(root, 'test/lib/switch/rude-client.ts');

let child: Child;
let path: string;

beforeEach(async () => {
  path = join(temporaryDirectory(), 'ctl');
  child = spawnTool('uml_switch', ['-unix', path]);
  await child.waitFor(/attached to unix socket .*\n/);
});

async function client(manner: 'frames' | 'request' | 'deaf'): Promise<Child> {
  const process = spawnProgram(globalThis.process.execPath, ['--import', tsx, script, path, manner]);
  await process.waitFor('ready\n');
  return process;
}

/** The next frame that has this source: what others broadcast comes in between. */
async function nextFrom(guest: Guest, source: Buffer): Promise<Buffer> {
  for (;;) {
    const bytes = await guest.next();
    if (bytes.subarray(6, 12).equals(source)) return bytes;
  }
}

/** Sends until a guest that let frames lie for a while, and was given up, sees one: what it gets now comes at once again. */
async function wake(guest: Guest, from: Guest): Promise<void> {
  const marker = frame(broadcast, mac(9));
  do await from.sendPatiently(marker);
  while (!(await guest.next()).equals(marker));
}

test('clients killed while they send, while they ask and while they stand still leave nothing behind', async () => {
  const clients = await Promise.all((['frames', 'frames', 'request', 'request', 'deaf'] as const).map(client));
  const [a, b, c] = [await Guest.join(path), await Guest.join(path), await Guest.join(path)];
  for (const guest of [a, b, c]) await nextFrom(guest, (await guest.next()).subarray(6, 12)); // they are in the midst of it
  for (const process of clients) await process.kill('SIGKILL');
  for (let n = 0; n < 3; n++) await child.waitFor('Disconnect\n'); // those that had a port
  const other = await Guest.join(path);
  for (const guest of [a, b, c]) await wake(guest, other);
  const hello = frame(broadcast, mac(1));
  await a.sendPatiently(hello);
  expect(await nextFrom(b, mac(1))).toEqual(hello);
  expect(await nextFrom(c, mac(1))).toEqual(hello);
  const answer = frame(mac(1), mac(2));
  await b.sendPatiently(answer);
  expect(await nextFrom(a, mac(2))).toEqual(answer);
  const marker = frame(broadcast, mac(3));
  await b.sendPatiently(marker);
  expect(await nextFrom(c, mac(3))).toEqual(marker);
  for (const guest of [a, b, c, other]) guest.leave();
  expect(child.running).toBe(true);
});

test('between two guests nothing is lost while a third stands still and gets every broadcast', async () => {
  await client('deaf');
  const [a, b] = [await Guest.join(path), await Guest.join(path)];
  await b.sendPatiently(frame(broadcast, mac(2)));
  await nextFrom(a, mac(2));
  for (let n = 0; n < 2000; n++) {
    const flooded = frame(broadcast, mac(1));
    const unicast = frame(mac(2), mac(1));
    await a.sendPatiently(flooded);
    await a.sendPatiently(unicast);
    expect(await nextFrom(b, mac(1))).toEqual(flooded);
    expect(await nextFrom(b, mac(1))).toEqual(unicast);
  }
  for (const guest of [a, b]) guest.leave();
  expect((await child.kill()).stderr).toMatch(/^send_sock sending to fd \d+ Resource temporarily unavailable\n/);
});
