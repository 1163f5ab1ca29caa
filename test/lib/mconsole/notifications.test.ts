import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type Notification, notifications, notify } from '../../../src/lib/mconsole/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { bareSocket } from './datagrams.ts';

it('notifications come in order, without what is none, and the socket goes with the loop', async () => {
  const directory = temporaryDirectory();
  const path = `${directory}/notify`;
  const heard: Notification[] = [];
  const listener = notifications(path);
  const sent: Notification[] = [
    { type: 'socket', path: '/x/mconsole' },
    { type: 'user', data: Buffer.from('hello\n') },
    { type: 'hang' },
    { type: 'panic', message: 'oh dear' },
  ];
  using stranger = bareSocket(`${directory}/stranger`);
  stranger.send(Buffer.from('nonsense'), path);
  for (const notification of sent) notify(path, notification);
  for await (const notification of listener) {
    heard.push(notification);
    if (heard.length === sent.length) break;
  }
  expect(heard).toEqual(sent);
  expect(existsSync(path)).toBe(false);
});

it('a loop that never began leaves no socket', async () => {
  const path = `${temporaryDirectory()}/notify`;
  await notifications(path).return?.();
  expect(existsSync(path)).toBe(false);
});

it('an abort signal ends the loop', async () => {
  const path = `${temporaryDirectory()}/notify`;
  const end = new AbortController();
  const loop = (async () => {
    for await (const _ of notifications(path, { signal: end.signal })) throw new Error('nothing was sent');
  })();
  end.abort();
  await loop;
  expect(existsSync(path)).toBe(false);
});

it('telling nobody is an error of the system', () => {
  const path = `${temporaryDirectory()}/notify`;
  expect(() => notify(path, { type: 'hang' })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});
