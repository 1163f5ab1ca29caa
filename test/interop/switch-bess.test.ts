/** A NAT helper behind a BESS port: Debian's slirp4netns, which listens; the switch connects to it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hostsOnBridge } from '../support/hosts.ts';
import { temporaryDirectory } from '../support/run.ts';

test('a host on the switch reaches the helper, and through it a server on its side', async () => {
  const [inside, outside] = await hostsOnBridge(2);
  if (!inside || !outside) throw new Error('no hosts');
  const socket = join(temporaryDirectory(), 'nat');
  const helper = outside.spawn('slirp4netns', '--target-type=bess', socket);
  while (!existsSync(socket) && helper.running) await new Promise((resolve) => setTimeout(resolve, 20));
  const server = outside.spawn(process.execPath, '-e', SERVE);
  await server.waitFor('serving');

  await inside.addTap('nat', '10.0.2.100/24');
  await inside.addTap('other', '10.0.3.1/24');
  const { child } = await inside.startSwitch('-tap', 'nat', '-tap', 'other', '--bess-to', socket);
  expect(await inside.ping('10.0.2.2')).toBe('3 received');
  expect(await inside.run(process.execPath, '-e', FETCH)).toBe('1000000\n');
  expect(child.stderr).toBe('');

  await helper.kill('SIGKILL');
  await child.waitFor('Disconnect\n');
  expect(child.running).toBe(true);
});

const SERVE = `
const server = require('node:http').createServer((_, answer) => answer.end(Buffer.alloc(1000000)));
server.listen(8098, '127.0.0.1', () => console.log('serving'));`;

/** The helper's own address leads to the loopback interface of its host. */
const FETCH = `
fetch('http://10.0.2.2:8098/').then((answer) => answer.arrayBuffer()).then((body) => console.log(body.byteLength));`;
