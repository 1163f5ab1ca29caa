/** Our switch and the kernel's bridge, joined by two taps: without spanning tree a loop that a bridge never ends. */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type NamedNamespace, namedNamespace } from '../support/namespace.ts';
import { type Child, root, temporaryDirectory } from '../support/run.ts';

const TAPS = ['swa', 'swb'];
/** Frames that the few of this test can't add up to, and a storm passes in a moment. */
const STORM = 2000;

let namespace: NamedNamespace;

beforeEach(async () => {
  namespace = await namedNamespace('umlloop');
  await namespace.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'stp_state', '0');
  for (const tap of TAPS) {
    await namespace.run('ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap');
    await namespace.run('ip', 'link', 'set', tap, 'master', 'br0');
    await namespace.run('ip', 'link', 'set', tap, 'up');
  }
});

afterEach(() => namespace.remove());

async function startGuest(path: string): Promise<Child> {
  const guest = namespace.spawn(join(root, 'test/lib/switch/guest-process.ts'), path);
  await guest.waitFor(/joined\n/);
  return guest;
}

/** A broadcast of guest `from`, as a line of hexadecimal, each with another number. */
const hello = (from: number, number: number): string =>
  `ffffffffffff02000000000${from}88b5${number.toString(16).padStart(4, '0')}${'00'.repeat(46)}`;

/** How often a guest got a frame. */
const copies = (guest: Child, line: string): number => guest.stdout.split('\n').filter((each) => each === line).length;

test('a loop through the bridge of the kernel is cut, and guests get one of each frame', async () => {
  const path = join(temporaryDirectory(), 'ctl');
  const words = TAPS.flatMap((tap) => ['-tap', tap]);
  const child = namespace.spawn(join(root, 'src/main.ts'), 'uml_switch', '-unix', path, ...words);
  await child.waitFor(/attached to unix socket .*\nNew connection\nNew connection\n/);
  const [a, b] = [await startGuest(path), await startGuest(path)];
  await namespace.run('ip', 'link', 'set', 'br0', 'up');
  const said = child.waitFor(/^A loop: frames from port \d come back on port \d; they are dropped there$/m);
  let number = 0;
  const speak = async (): Promise<string[]> => {
    const lines = [hello(1, ++number), hello(2, ++number)] as [string, string];
    a.write(`${lines[0]}\n`);
    await b.waitFor(new RegExp(`^${lines[0]}$`, 'm'));
    b.write(`${lines[1]}\n`);
    await a.waitFor(new RegExp(`^${lines[1]}$`, 'm'));
    return lines;
  };
  for (let round = 0; round < 5; round++) await speak();
  await said;
  const lines: string[] = [];
  for (let round = 0; round < 20; round++) lines.push(...(await speak()));
  await speak(); // whatever came back has passed before this
  for (const line of lines) expect([line, copies(a, line) + copies(b, line)]).toEqual([line, 1]);
  for (const tap of TAPS) {
    for (const way of ['rx', 'tx']) {
      const passed = await namespace.run('cat', `/sys/class/net/${tap}/statistics/${way}_packets`);
      expect(Number(passed)).toBeLessThan(STORM);
    }
  }
  expect(child.stderr.match(/A loop/g)).toHaveLength(1);
});
