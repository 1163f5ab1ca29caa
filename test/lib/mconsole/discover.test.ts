import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, expectTypeOf, it } from 'vitest';
import {
  connect,
  type DiscoveredInstance,
  discover,
  type KernelVersion,
  type Mconsole,
  type MconsoleServer,
  type Notification,
  notifications,
  notify,
  serveMconsole,
  waitFor,
} from '../../../src/lib/mconsole/index.ts';
import { temporaryDirectory } from '../../support/run.ts';

const VERSION = 'Linux usermode 6.1.176 #1 Sat Jul  4 15:38:16 UTC 2026 x86_64';

let home: string;
let environment: { HOME: string };
const servers: MconsoleServer[] = [];

beforeEach(() => {
  home = temporaryDirectory();
  environment = { HOME: home };
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function directoryOf(umid: string, pid: number, base = `${home}/.uml`): string {
  mkdirSync(`${base}/${umid}`, { recursive: true });
  writeFileSync(`${base}/${umid}/pid`, `${pid}\n`);
  return `${base}/${umid}`;
}

function serve(directory: string): string {
  const server = serveMconsole({
    path: `${directory}/mconsole`,
    commands: {
      version: (_, reply) => reply.ok(VERSION),
      proc: (file, reply) => reply.ok(file === 'meminfo' ? '\nMemTotal:    43700 kB\n' : `\n<${file}>`),
    },
  });
  servers.push(server);
  return server.path;
}

it('instances are discovered with what they say of themselves', async () => {
  serve(directoryOf('debian', process.pid));
  directoryOf('gone', 99_999_999);
  mkdirSync(`${home}/.uml/no-instance`);
  const found = await discover({ environment });
  expect(found.filter(({ path }) => path.startsWith(home))).toMatchObject([
    { umid: 'debian', state: 'alive', pid: process.pid, kernel: { release: '6.1.176' }, memory: 43700 * 1024 },
    { umid: 'gone', state: 'stale', pid: 99_999_999, kernel: undefined, memory: undefined },
  ]);
});

it('an own uml_dir is the only place looked in', async () => {
  serve(directoryOf('debian', process.pid));
  serve(directoryOf('other', process.pid, `${home}/lab`));
  expect((await discover({ environment, umlDir: `${home}/lab` })).map(({ umid }) => umid)).toEqual(['other']);
  expect((await connect('other', { environment, umlDir: `${home}/lab` }).version()).text).toBe(VERSION);
  expect(() => connect('debian', { environment, umlDir: `${home}/lab` })).toThrow(
    expect.objectContaining({ name: 'UmidError', code: 'NOT_FOUND' }),
  );
});

it('an instance that is still to come is waited for', async () => {
  const waiting = waitFor('debian', { environment });
  await new Promise(setImmediate);
  serve(directoryOf('debian', process.pid));
  expect((await (await waiting).version()).text).toBe(VERSION);
});

it('an instance may announce itself from a place that nobody looks in', async () => {
  const notifySocket = `${home}/notify`;
  const waiting = waitFor('debian', { environment, notifySocket });
  notify(notifySocket, { type: 'socket', path: `${home}/elsewhere/other/mconsole` });
  const path = serve(directoryOf('debian', process.pid, `${home}/elsewhere`));
  notify(notifySocket, { type: 'socket', path });
  expect((await waiting).socketPath).toBe(path);
  expect(() => notify(notifySocket, { type: 'hang' })).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

it('waiting has an end, and refuses a notification socket that is not to be had', async () => {
  await expect(waitFor('debian', { environment, timeout: 20 })).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: "'debian' did not answer within 0.02 seconds",
  });
  writeFileSync(`${home}/file`, '');
  await expect(waitFor('debian', { environment, notifySocket: `${home}/file` })).rejects.toMatchObject({
    code: 'NOT_A_SOCKET',
  });
});

it('the types are those that programs rely on', () => {
  expectTypeOf(connect).returns.toEqualTypeOf<Mconsole>();
  expectTypeOf(discover).returns.resolves.toEqualTypeOf<DiscoveredInstance[]>();
  expectTypeOf(waitFor).returns.resolves.toEqualTypeOf<Mconsole>();
  expectTypeOf(notifications).returns.toEqualTypeOf<AsyncIterableIterator<Notification, undefined>>();
  expectTypeOf<Mconsole['version']>().returns.resolves.toEqualTypeOf<KernelVersion>();
  expectTypeOf<Mconsole['config']>().toEqualTypeOf<(device: string) => Promise<string>>();
  expectTypeOf<Mconsole['memory']>().returns.resolves.toBeNumber();
  expectTypeOf<Mconsole['devices']>().returns.resolves.toEqualTypeOf<string[]>();
  expectTypeOf<Mconsole['halt']>().returns.resolves.toBeVoid();
});
