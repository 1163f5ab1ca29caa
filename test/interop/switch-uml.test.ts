/** Two of Debian's real UML kernels on our switch. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RealUml, startRealUml } from '../support/real-uml.ts';
import { type Child, spawnTool, temporaryDirectory } from '../support/run.ts';

let child: Child;
let one: RealUml;
let two: RealUml;

beforeAll(async () => {
  const path = join(temporaryDirectory(), 'ctl');
  child = spawnTool('uml_switch', ['-unix', path]);
  await child.waitFor(/attached/);
  const args = [`eth0=daemon,,unix,${path}`];
  [one, two] = await Promise.all([startRealUml({ args }), startRealUml({ args })]);
});

afterAll(async () => {
  await Promise.all([one?.stop(), two?.stop()]);
});

test('they ping each other, with small frames and full ones', async () => {
  for (const [index, uml] of [one, two].entries()) {
    expect(uml.output).toMatch(/daemon backend \(uml_switch version 3\) - unix:/);
    await uml.command(`ifconfig eth0 192.168.1.${index + 1} up`);
  }
  expect(await one.command('ping -c 3 192.168.1.2')).toContain(
    '3 packets transmitted, 3 packets received, 0% packet loss',
  );
  expect(await two.command('ping -c 3 -s 1472 192.168.1.1')).toContain('0% packet loss');
  expect(child.stdout.match(/New connection/g)).toHaveLength(2);
  expect(child.stdout.match(/ Addr: [0-9a-f:]{17} New port [56]\n/g)).toHaveLength(2);
  expect(child.stderr).toBe('');
});

test('one that leaves is noticed', async () => {
  await two.stop();
  await child.waitFor(/Disconnect\n/);
});
