import { afterAll, beforeAll, expect, it } from 'vitest';
import { type MconsoleServer, serveMconsole } from '../../src/lib/mconsole/index.ts';
import { temporaryDirectory } from '../support/run.ts';
import { onTerminal, type TerminalSession } from '../support/terminal.ts';

let directory: string;
let server: MconsoleServer;
beforeAll(() => {
  directory = temporaryDirectory();
  server = serveMconsole({
    path: `${directory}/mconsole`,
    commands: { version: (_, reply) => reply.ok('Linux of the test'), config: (word, reply) => reply.ok(`<${word}>`) },
  });
});
afterAll(() => server.close());

async function session(): Promise<TerminalSession> {
  const terminal = onTerminal(...toolOnTerminal(), {});
  await terminal.waitFor(/\(.*uml-.*\) /);
  return terminal;
}

function toolOnTerminal(): [string, string[]] {
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  return [process.execPath, ['--import', import.meta.resolve('tsx'), main, 'uml_mconsole', directory]];
}

it('on a terminal there is a prompt with the whole name, editing and a history', async () => {
  await using terminal = await session();
  terminal.type('version\r');
  await terminal.waitFor(/\r\nOK Linux of the test\r\n/);
  terminal.type('config ubdx\x7fa\r'); // a backspace
  await terminal.waitFor(/\r\nOK <ubda>\r\n/);
  terminal.type('\x1b[A\x1b[A\r'); // up twice: version
  await terminal.waitFor(/OK Linux of the test.*OK Linux of the test\r\n/s);
  expect(terminal.screen).toContain(`(${directory}) `);
  terminal.type('quit\r');
  expect(await terminal.exit()).toEqual({ status: 0, signal: null });
});

it('control-D on an empty line ends it', async () => {
  await using terminal = await session();
  terminal.type('version\r');
  await terminal.waitFor(/OK Linux of the test\r\n/);
  terminal.type('\x04');
  expect(await terminal.exit()).toEqual({ status: 0, signal: null });
});

it('control-C ends it by the signal, as it does the C client', async () => {
  await using terminal = await session();
  terminal.type('\x03');
  expect(await terminal.exit()).toEqual({ status: null, signal: 'SIGINT' });
});
