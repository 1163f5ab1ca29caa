import { afterAll, beforeAll, expect, it } from 'vitest';
import { Mconsole, type MconsoleServer, serveMconsole } from '../../../src/lib/mconsole/index.ts';
import { temporaryDirectory } from '../../support/run.ts';

const heard: string[] = [];
let server: MconsoleServer;
let instance: Mconsole;
beforeAll(() => {
  const words = ['version', 'help', 'halt', 'reboot', 'cad', 'stop', 'go', 'config', 'remove', 'sysrq', 'stack', 'log'];
  const commands = Object.fromEntries(
    words.map((word) => [
      word,
      (argument: string) => {
        heard.push(`${word} ${argument}`);
      },
    ]),
  );
  const path = `${temporaryDirectory()}/mconsole`;
  server = serveMconsole({
    path,
    commands: {
      ...commands,
      proc: async (file, reply) => {
        await reply.write('\n');
        await reply.write(`<${file}>\n`);
      },
      remove: (_, reply) => reply.error('Device is currently open', -16),
      sysrq: async (letter, reply) => {
        await reply.write('some of it\n');
        if (letter === 'c') await new Promise(() => {});
      },
    },
  });
  instance = new Mconsole(path, { timeout: 300 });
});
afterAll(() => server.close());

it('each method sends its command', async () => {
  await instance.version();
  await instance.help();
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
    'version ',
    'help ',
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
  await expect(instance.sysrq('c')).rejects.toMatchObject({ code: 'TRUNCATED' });
});
