import { afterAll, beforeAll, expect, it } from 'vitest';
import { Mconsole, type MconsoleServer, serveMconsole } from '../../../src/lib/mconsole/index.ts';
import { temporaryDirectory } from '../../support/run.ts';

const PROC: Readonly<Record<string, string>> = {
  meminfo: 'MemTotal:          43700 kB\nMemFree:           28128 kB\n',
  cmdline: 'mem=64M eth0=daemon root=98:0 vec1:transport=tap\n',
};

const heard: string[] = [];
let server: MconsoleServer;
let path: string;
let instance: Mconsole;
beforeAll(() => {
  const words = ['halt', 'reboot', 'cad', 'stop', 'go', 'stack', 'log'];
  const commands = Object.fromEntries(
    words.map((word) => [
      word,
      (argument: string) => {
        heard.push(`${word} ${argument}`);
      },
    ]),
  );
  path = `${temporaryDirectory()}/mconsole`;
  server = serveMconsole({
    path,
    commands: {
      ...commands,
      proc: async (file, reply) => {
        await reply.write('\n');
        await reply.write(PROC[file] ?? `<${file}>\n`);
      },
      version: (_, reply) => reply.ok('Linux usermode 6.1.176 #1 Sat Jul  4 15:38:16 UTC 2026 x86_64'),
      help: (_, reply) => reply.ok('Commands: \n    version - Get it \n    stack <pid> - that\n\tsame syntax\n'),
      config(argument, reply) {
        heard.push(`config ${argument}`);
        if (argument === 'con1') return reply.error('device number out of range');
        return reply.ok({ ubda: '/root_fs', con0: 'fd:0,fd:1', con2: 'none' }[argument] ?? '');
      },
      remove: (_, reply) => reply.error('Device is currently open', -16),
      sysrq: async (letter, reply) => {
        await reply.write('some of it\n');
        if (letter === 'c') await new Promise(() => {});
      },
    },
  });
  instance = new Mconsole(path);
});
afterAll(() => server.close());

it('each method sends its command', async () => {
  await instance.halt();
  await instance.reboot();
  await instance.ctrlAltDel();
  await instance.stop();
  await instance.go();
  await instance.config('ubda');
  await instance.configure('ubda', '/a,/b');
  await instance.stack(1);
  await instance.log('one\ntwo\n');
  expect(heard).toEqual([
    'halt ',
    'reboot ',
    'cad ',
    'stop ',
    'go ',
    'config ubda',
    'config ubda=/a,/b',
    'stack 1',
    'log one\ntwo\n',
  ]);
});

it('version is taken apart as uname does', async () => {
  expect(await instance.version()).toEqual({
    text: 'Linux usermode 6.1.176 #1 Sat Jul  4 15:38:16 UTC 2026 x86_64',
    system: 'Linux',
    hostName: 'usermode',
    release: '6.1.176',
    version: '#1 Sat Jul  4 15:38:16 UTC 2026',
    machine: 'x86_64',
  });
});

it('commands, devices and memory are asked from the instance', async () => {
  expect(await instance.commands()).toEqual(['version', 'stack']);
  expect(await instance.devices()).toEqual(['ubda', 'con0', 'eth0', 'vec1']);
  expect(await instance.memory()).toBe(43700 * 1024);
});

it('text comes without what is not its own', async () => {
  expect(await instance.proc('uptime')).toBe('<uptime>\n');
  expect(await instance.sysrq('m')).toBe('some of it\n');
});

it('a refusal is an error with the text and the err of the instance', async () => {
  await expect(instance.remove('ubdb')).rejects.toMatchObject({
    name: 'MconsoleRefusal',
    message: 'Device is currently open',
    command: 'remove ubdb',
    err: -16,
  });
});

it('an answer without its end is an error', async () => {
  const hasty = new Mconsole(path, { timeout: 1000 });
  await expect(hasty.sysrq('c')).rejects.toMatchObject({ code: 'TRUNCATED' });
});
