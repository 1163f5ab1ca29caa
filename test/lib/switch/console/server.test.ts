import { existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ConsoleClient, ConsoleUnreachable, openConsole, openSink } from '../../../../src/lib/switch/index.ts';
import { temporaryDirectory } from '../../../support/run.ts';
import { Embedded } from '../embedded.ts';
import { broadcast, frame, Guest, mac } from '../wire.ts';

test("a program's own switch has a console, and its client; VLANs that were asked for there part the guests", async () => {
  const { network, control } = new Embedded();
  const path = join(temporaryDirectory(), 'con');
  const socket = openConsole(path, { mode: 0o600 });
  expect(lstatSync(path).mode & 0o777).toBe(0o600);
  let stopped = false;
  let say: (line: string) => void = () => {};
  socket.serve({
    network,
    stop: () => {
      stopped = true;
    },
    follow(listener) {
      say = listener;
      return () => {};
    },
  });
  onTestFinished(() => {
    socket.close();
    socket.remove();
    expect(existsSync(path)).toBe(false);
  });
  const client = await ConsoleClient.connect(path);
  const [a, b, c] = [await Guest.join(control), await Guest.join(control), await Guest.join(control)];
  expect(await client.ask(['port', 'vlan', '5', 'access', '10'], 'text')).toEqual({ kind: 'done', text: '' });
  expect(await client.ask(['port', 'vlan', '7', 'access', '10'], 'json')).toMatchObject({ kind: 'done' });
  expect(network.ports().map(({ vlan }) => vlan.mode)).toEqual(['access', 'transparent', 'access']);
  const first = frame(broadcast, mac(1));
  a.send(first);
  expect(await c.next()).toEqual(first);
  expect(await client.ask(['port', 'vlan', '6', 'access', '10'], 'text')).toMatchObject({ kind: 'done' });
  const second = frame(broadcast, mac(1));
  a.send(second);
  expect(await b.next()).toEqual(second); // of the first it saw nothing
  const table = await client.ask(['mac', 'find', '02:00:00:00:00:01'], 'text');
  expect(table).toMatchObject({ kind: 'done', text: expect.stringMatching(/\n02:00:00:00:00:01 +10 +5 +\d+\n$/) });
  expect(await client.ask(['mirror', '5', 'to', '5'], 'text')).toMatchObject({
    kind: 'refused',
    reason: "port 5 can't get copies of its own frames",
  });

  const log = await ConsoleClient.connect(path);
  const reply = await log.ask(['log'], 'text');
  if (reply.kind !== 'stream') throw new Error(reply.text);
  say('hello');
  for await (const chunk of reply.socket) {
    expect(String(chunk)).toBe('hello\n');
    break;
  }
  await client.ask(['stop'], 'text');
  expect(stopped).toBe(true);
  client.close();
  log.close();
});

test('where nobody listens there is no console', async () => {
  await expect(ConsoleClient.connect('/nowhere/con')).rejects.toThrow(ConsoleUnreachable);
  await expect(ConsoleClient.connect('/nowhere/con')).rejects.toThrow('/nowhere/con: No such file or directory');
});

test('several captures at once: each has what it asked for, and ends alone', async () => {
  const { network, control } = new Embedded();
  const directory = temporaryDirectory();
  const [a, b] = [await Guest.join(control), await Guest.join(control)];
  const files = ['all', 'five', 'six'].map((name) => join(directory, name));
  for (const [at, ports] of (['all', 5, 6] as const).entries()) {
    await network.capture({ ports, to: files[at]!, sink: await openSink(files[at]!) });
  }
  a.send(frame(broadcast, mac(1)));
  await b.next();
  expect(await network.stopCaptures(files[1])).toMatchObject([{ ports: 5, frames: 1, dropped: 0 }]);
  a.send(frame(broadcast, mac(1)));
  await b.next();
  expect(network.captures()).toMatchObject([
    { ports: 'all', frames: 2 },
    { ports: 6, frames: 2 },
  ]);
  await expect(network.capture({ ports: 99, to: 'x', sink: await openSink('/dev/null') })).rejects.toThrow();
  expect((await network.stopCaptures()).length).toBe(2);
  expect(network.captures()).toEqual([]);
});
