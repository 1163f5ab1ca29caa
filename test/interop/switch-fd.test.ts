/** Descriptors that the switch inherits: a tap that another program opened, and a socket that it has the other end of. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { mac } from '../lib/switch/wire.ts';
import { hostsOnBridge } from '../support/hosts.ts';
import { root, runTool, temporaryDirectory, toolCommand } from '../support/run.ts';

const parent = join(root, 'test/lib/switch/links/fd-process.ts');
const tsx = import.meta.resolve('tsx');

/** Who has 10.63.0.1? 10.63.0.9 at 02:00:00:00:00:09 wants to know. */
const QUESTION = Buffer.concat([
  Buffer.from('ffffffffffff', 'hex'),
  mac(9),
  Buffer.from('08060001080006040001', 'hex'),
  mac(9),
  Buffer.from('0a3f00090000000000000a3f0001', 'hex'),
  Buffer.alloc(18),
]);
/** The answer to it: from any address, 10.63.0.1. */
const ANSWER = /^020000000009([0-9a-f]{12})08060001080006040002\1(0a3f0001)0200000000090a3f0009.*\n/m;

test.each([[[]], [['-daemon']]])('a tap and a socket of the parent are ports, with words %j', async (words) => {
  const [host] = await hostsOnBridge(1);
  if (!host) throw new Error('no host');
  const home = temporaryDirectory();
  const pidfile = join(home, 'pid');
  const command = toolCommand('uml_switch', ['-unix', join(home, 'ctl'), '--fd', '3', '--fd', '4', '-tap', 'other']);
  const switchWords = [...command, ...words, '--pidfile', pidfile];
  const child = host.spawn(process.execPath, '--import', tsx, parent, 'given', ...switchWords);
  await child.waitFor(/attached to unix socket .*\n/);
  while (!existsSync(pidfile)) await new Promise((resolve) => setTimeout(resolve, 20));
  const pid = Number(readFileSync(pidfile, 'utf8'));
  onTestFinished(() => void process.kill(pid));
  await host.ip('addr add 10.63.0.1/24 dev given');
  await host.ip('link set given up');
  await host.ip('link set other up');
  child.write(`${QUESTION.toString('hex')}\n`);
  await child.waitFor(ANSWER);
  child.end('');
  await child.waitFor('Disconnect\n'); // the socket's other end is closed
});

test('a descriptor that is none is refused before anything is made', async () => {
  const control = join(temporaryDirectory(), 'ctl');
  const { status, stdout, stderr } = await runTool('uml_switch', ['-unix', control, '--fd', '77']);
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: 'uml_switch: descriptor 77 is not open\n',
  });
});
