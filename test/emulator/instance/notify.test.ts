import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Notification, notifications } from '../../../src/lib/mconsole/index.ts';
import { spawnOurUml, startOurUml } from '../../support/our-uml.ts';
import { temporaryDirectory } from '../../support/run.ts';

// An instance without a root file system: it comes up, panics, and is gone within a second or two.

test('the socket of mconsole=notify: hears that the console is there, and of a panic', async () => {
  const path = join(temporaryDirectory(), 'notify');
  const heard = notifications(path);
  const next = async (): Promise<Notification | undefined> => (await heard.next()).value;
  try {
    const uml = spawnOurUml({ umid: 'telling', ubda: 'nosuch', args: [`mconsole=notify:${path}`] });
    expect(await next()).toEqual({ type: 'socket', path: uml.socket });
    expect(await next()).toEqual({
      type: 'panic',
      message: 'VFS: Unable to mount root fs on unknown-block(98,0)',
    });
    expect((await uml.child.exit()).signal).toBe('SIGABRT');
  } finally {
    await heard.return?.();
  }
});

test('nobody need listen: the log says so, in the words of UML', async () => {
  const uml = spawnOurUml({ ubda: 'nosuch', args: ['mconsole=notify:/nonexistent/socket'] });
  const { signal, stdout } = await uml.child.exit();
  expect(signal).toBe('SIGABRT');
  expect(stdout).toContain('mconsole_notify - sendto failed, errno = 2');
});

test('it hears what a program in the guest writes to /proc/mconsole', async () => {
  const path = join(temporaryDirectory(), 'notify');
  const heard = notifications(path);
  try {
    const first = heard.next();
    const uml = await startOurUml({ args: [`mconsole=notify:${path}`] });
    expect((await first).value).toEqual({ type: 'socket', path: uml.socket });
    await uml.command('echo -n from the guest > /proc/mconsole');
    const { value } = await heard.next();
    expect(value).toEqual({ type: 'user', data: expect.anything() });
    expect(value?.type === 'user' && Buffer.from(value.data).toString()).toBe('from the guest');
    await uml.powerOff();
  } finally {
    await heard.return?.();
  }
});
