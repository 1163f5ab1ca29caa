import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type MconsoleServer, serveMconsole } from '../../src/lib/mconsole/index.ts';
import { temporaryDirectory } from '../support/run.ts';
import { onTerminal, type TerminalSession } from '../support/terminal.ts';

let directory: string;
let home: string;
const heard: string[] = [];
let server: MconsoleServer;
beforeEach(() => {
  home = temporaryDirectory();
});
beforeAll(() => {
  directory = temporaryDirectory();
  server = serveMconsole({
    path: `${directory}/mconsole`,
    commands: {
      version: (_, reply) => reply.ok('Linux of the test'),
      help: (_, reply) => reply.ok('Commands:\n    version - Get it\n    config <dev> - Ask\n'),
      config(word, reply) {
        const asked = /^(ubd[^b]|con[^0]|ssl)\w*$/.test(word);
        return reply.ok(asked ? '' : `<${word}>`);
      },
      halt: () => void heard.push('halt'),
      log: (_, reply) => reply.ok(),
      sysrq() {
        heard.push('sysrq');
        return new Promise(() => {});
      },
    },
  });
});
afterAll(() => server.close());

async function session(): Promise<TerminalSession> {
  const terminal = onTerminal(...toolOnTerminal(), { HOME: home });
  await terminal.waitFor(/\(.*uml-.*\) /);
  return terminal;
}

function toolOnTerminal(): [string, string[]] {
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  return [process.execPath, ['--import', import.meta.resolve('tsx'), main, 'uml_mconsole', directory]];
}

async function until(test: () => boolean): Promise<void> {
  while (!test()) await new Promise(setImmediate);
}

it('on a terminal there is a prompt with the whole name, editing and a history', async () => {
  await using terminal = await session();
  terminal.type('version\r');
  await terminal.waitFor(/\r\nOK Linux of the test\r\n/);
  terminal.type('config ubxx\x7f\x7fdb\r'); // a backspace
  await terminal.waitFor(/\r\nOK <ubdb>\r\n/);
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

it('control-C cancels the line, or the waiting for an answer, and not the client', async () => {
  await using terminal = await session();
  terminal.type('halt\x03');
  await terminal.waitFor(/halt\^C\r\n/);
  terminal.type('version\r');
  await terminal.waitFor(/OK Linux of the test\r\n/);
  expect(heard).not.toContain('halt');
  terminal.type('sysrq t\r');
  await until(() => heard.includes('sysrq'));
  terminal.type('\x03');
  await terminal.waitFor(/was given up\r\n/);
  terminal.type('version\r');
  await terminal.waitFor(/given up.*OK Linux of the test\r\n/s);
  terminal.type('quit\r');
  expect(await terminal.exit()).toEqual({ status: 0, signal: null });
});

it('the history is kept over runs, without empty lines and repetitions', async () => {
  for (const word of ['version', 'config con0']) {
    await using terminal = await session();
    terminal.type(`${word}\r\r${word}\rquit\r`);
    await terminal.exit();
  }
  expect(readFileSync(`${home}/.uml_mconsole_history`, 'utf8')).toBe('version\nquit\nconfig con0\nquit\n');
  expect(statSync(`${home}/.uml_mconsole_history`).mode & 0o777).toBe(0o600);
  await using terminal = await session();
  terminal.type('\x1b[A\x1b[A\r'); // quit, config con0
  await terminal.waitFor(/OK <con0>\r\n/);
});

it('commands, devices, instances and files are completed', async () => {
  await using terminal = await session();
  const complete = async (typed: string, completed: RegExp): Promise<void> => {
    terminal.type(`${typed}\t`);
    await terminal.waitFor(completed);
    terminal.type('\r');
  };
  await complete('vers', /version $/);
  await terminal.waitFor(/version.*OK Linux of the test\r\n/s);
  await complete('config ubd', /config ubdb/);
  await terminal.waitFor(/OK <ubdb>\r\n/);
  writeFileSync(`${directory}/a-disk-with-a-long-name`, '');
  await complete(`config ubdc=${directory}/a-d`, /a-disk-with-a-long-name/);
  await terminal.waitFor(/OK <ubdc=\S*a-disk-with-a-long-name>\r\n/);
  mkdirSync(`${home}/.uml/the-other-one`, { recursive: true });
  const other = serveMconsole({ path: `${home}/.uml/the-other-one/mconsole`, commands: {} });
  writeFileSync(`${home}/.uml/the-other-one/pid`, `${process.pid}\n`);
  mkdirSync(`${home}/.uml/the-dead-one`);
  writeFileSync(`${home}/.uml/the-dead-one/pid`, '99999999\n');
  await complete('switch the', /the-other-one /);
  await terminal.waitFor(/Switched to 'the-other-one'\r\n.*\(the-other-one\) /s);
  other.close();
});

it('a session looks as it does with the C client', async () => {
  mkdirSync(`${home}/.uml/debian`, { recursive: true });
  symlinkSync(`${directory}/mconsole`, `${home}/.uml/debian/mconsole`);
  const typed = ['version', 'config ubdb', 'switch debian', 'frobnicate', 'mconsole-version', 'help', 'log hi', 'quit'];
  const [file, [...ours]] = toolOnTerminal();
  const screens: string[] = [];
  for (const [program, args] of [
    [file, [...ours.slice(0, -1), 'debian']] as const,
    ['uml_mconsole', ['debian']] as const,
  ]) {
    await using terminal = onTerminal(program, args, { HOME: home });
    for (const [index, line] of typed.entries()) {
      await terminal.waitFor(new RegExp(`(\\(debian\\) .*){${index + 1}}$`, 's'));
      terminal.type(`${line}\r`);
    }
    expect(await terminal.exit()).toEqual({ status: 0, signal: null });
    screens.push(plain(terminal.screen));
  }
  expect(screens[0]).toBe(screens[1]);
});

/** What is to be read on the screen, without what moves the cursor. */
function plain(screen: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is taken away
  return screen.replace(/\x1b\[[?\d;]*[a-zA-Z]/g, '').replaceAll('\r', '');
}
