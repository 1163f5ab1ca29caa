/** What uml_mconsole does beyond the C tool; beside the C tool it is in test/interop/mconsole-tool.test.ts. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MconsoleServer, notify, serveMconsole } from '../../src/lib/mconsole/index.ts';
import { ownerOf } from '../../src/lib/umid/index.ts';
import { type ChildOptions, runTool, spawnProgram, spawnTool, temporaryDirectory } from '../support/run.ts';

const VERSION = 'Linux usermode 6.1.176 #1 Sat Jul  4 15:38:16 UTC 2026 x86_64';

let home: string;
const servers: MconsoleServer[] = [];
beforeEach(() => {
  home = temporaryDirectory();
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** An instance that this process plays. */
function instance(umid: string, base = `${home}/.uml`): string {
  const directory = directoryOf(umid, process.pid, base);
  const server = serveMconsole({
    path: `${directory}/mconsole`,
    commands: {
      version: (_, reply) => reply.ok(VERSION),
      config: (word, reply) => reply.ok(`${umid} has ${word}`),
      remove: (_, reply) => reply.error("Device doesn't exist", -19),
      log: (_, reply) => reply.ok(),
      proc: (file, reply) => reply.ok(file === 'meminfo' ? '\nMemTotal:    44032 kB\n' : ''),
    },
  });
  servers.push(server);
  return directory;
}

function directoryOf(umid: string, pid: number, base = `${home}/.uml`): string {
  mkdirSync(`${base}/${umid}`, { recursive: true });
  writeFileSync(`${base}/${umid}/pid`, `${pid}\n`);
  return `${base}/${umid}`;
}

function here({ env, ...options }: ChildOptions = {}): ChildOptions {
  return { cwd: home, ...options, env: { HOME: home, UML_DIR: undefined, ...env } };
}

/** Only what stands in this test's own home: other tests may leave instances in /tmp/uml. */
const run = (args: readonly string[], options?: ChildOptions) => runTool('uml_mconsole', args, here(options));
const own = ['--uml-dir', '~/.uml'];
const json = (stdout: string): unknown[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('--list', () => {
  beforeEach(async () => {
    instance('debian');
    const stopped = spawnProgram('sleep', ['1000']);
    const halted = directoryOf('halted', stopped.pid);
    stopped.signal('SIGSTOP');
    await expect.poll(() => ownerOf(halted)).toMatchObject({ state: 'stopped' });
    directoryOf('gone', 99_999_999);
  });

  it('shows what is alive, stopped and stale, with pid, kernel and memory', async () => {
    const { stdout, stderr, status } = await run([...own, '--list']);
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['UMID', 'STATE', 'PID', 'KERNEL', 'MEMORY', 'DIRECTORY'],
      ['debian', 'alive', String(process.pid), '6.1.176', '43M', `${home}/.uml/debian`],
      ['gone', 'stale', '99999999', '-', '-', `${home}/.uml/gone`],
      ['halted', 'stopped', expect.stringMatching(/^\d+$/), '-', '-', `${home}/.uml/halted`],
      [''],
    ]);
  });

  it('as JSON is a line an instance', async () => {
    const { stdout } = await run(['--json', ...own, '--list']);
    const directory = `${home}/.uml/debian`;
    expect(json(stdout)).toMatchObject([
      {
        umid: 'debian',
        state: 'alive',
        pid: process.pid,
        kernel: VERSION,
        memory: 43 << 20,
        directory,
        socket: `${directory}/mconsole`,
      },
      { umid: 'gone', state: 'stale' },
      { umid: 'halted', state: 'stopped' },
    ]);
  });
});

describe('--json', () => {
  it.each([
    { words: ['version'], outcome: { ok: true, status: 0, err: 0, text: VERSION } },
    { words: ['remove', 'ubdb'], outcome: { ok: false, status: 237, err: -19, text: "Device doesn't exist" } },
    { words: ['mconsole-version'], outcome: { ok: true, status: 0, text: 'uml_mconsole client version 2\n' } },
    { words: ['log', 'text'], outcome: { ok: true, status: 0, err: 0, text: '' } },
    { words: ['quit'], outcome: { ok: true, status: 0 } },
    {
      words: ['log', '-f', 'none'],
      outcome: { ok: false, status: 1, error: { code: 'FILE', message: 'opening file: No such file or directory' } },
    },
    {
      words: ['config', 'ubdb=none/disk'],
      outcome: {
        ok: true,
        status: 0,
        err: 0,
        text: 'debian has ubdb=none/disk',
        warnings: ["absolutize : Can't cd to 'none', No such file or directory"],
      },
    },
  ])('$words', async ({ words, outcome }) => {
    instance('debian');
    const { stdout, stderr, status } = await run(['--json', 'debian', ...words]);
    expect(json(stdout)).toEqual([{ instance: 'debian', command: words.join(' '), ...outcome }]);
    expect({ stderr, status }).toEqual({ stderr: '', status: outcome.status });
  });

  it('tells what went wrong on the way', async () => {
    const { stdout, status } = await run(['--json', ...own, 'nosuch', 'version']);
    expect(json(stdout)).toMatchObject([{ ok: false, status: 2, error: { code: 'NOT_FOUND' } }]);
    expect(status).toBe(2);
  });

  it('of commands in a pipe is a line each, and nothing else', async () => {
    instance('debian');
    const { stdout, status } = await run(['--json', 'debian'], { stdin: 'version\nremove ubdb\nquit\nversion\n' });
    expect(json(stdout)).toMatchObject([{ command: 'version' }, { command: 'remove ubdb' }, { command: 'quit' }]);
    expect(status).toBe(237);
  });
});

describe('several instances', () => {
  beforeEach(() => {
    for (const umid of ['debian1', 'debian2', 'fedora']) instance(umid);
    directoryOf('gone', 99_999_999);
  });

  it('--all addresses every one that is there, and says which answered what', async () => {
    expect(await run([...own, '--all', 'config', 'ubda'])).toMatchObject({
      status: 0,
      stdout: 'debian1: OK debian1 has ubda\ndebian2: OK debian2 has ubda\nfedora: OK fedora has ubda\n',
    });
  });

  it('--match addresses those whose umid fits, as JSON too', async () => {
    const { stdout, status } = await run([...own, '--json', '--match', 'debian[2-9]', 'remove', 'ubdb']);
    expect(json(stdout)).toMatchObject([{ instance: 'debian2', err: -19 }]);
    expect(status).toBe(237);
    expect(await run([...own, '--match', 'x*', 'version'])).toEqual({
      status: 2,
      signal: null,
      stdout: '',
      stderr: "uml_mconsole: no instance's umid fits 'x*'\n",
    });
  });

  it('take a script together', async () => {
    const { stdout } = await run([...own, '--match', 'debian?', '--script', '-'], { stdin: 'config a\nconfig b\n' });
    expect(stdout).toBe(
      'debian1: OK debian1 has a\ndebian2: OK debian2 has a\ndebian1: OK debian1 has b\ndebian2: OK debian2 has b\n',
    );
  });
});

describe('--script', () => {
  const commands = '# a comment\n\nversion\nremove ubdb\nfrobnicate\nmconsole-version\nquit\nversion\n';
  const answers = `OK ${VERSION}\nERR Device doesn't exist\nERR Unknown command\numl_mconsole client version 2\n`;

  it('carries out a file, or a pipe, without prompts and echo; the status is that of the first failure', async () => {
    instance('debian');
    writeFileSync(`${home}/commands`, commands);
    const expected = { status: 237, stdout: answers, stderr: '' };
    expect(await run(['--script', 'commands', 'debian'])).toMatchObject(expected);
    expect(await run(['--script', '-', 'debian'], { stdin: commands })).toMatchObject(expected);
  });

  it('answers each line of a pipe as it comes', async () => {
    instance('debian');
    const tool = spawnTool('uml_mconsole', ['--script', '-', 'debian'], here());
    tool.write('config a\n');
    await tool.waitFor('OK debian has a\n');
    tool.write('config b\n');
    await tool.waitFor('OK debian has b\n');
    tool.end();
    expect((await tool.exit()).status).toBe(0);
  });

  it('that is missing, or an instance that is, is said', async () => {
    instance('debian');
    expect(await run(['--script', 'none', 'debian'])).toMatchObject({
      status: 1,
      stderr: 'uml_mconsole: No such file or directory\n',
    });
    expect((await run(['--script', '-', 'nosuch'])).status).toBe(2);
  });
});

describe('--wait', () => {
  it('waits until the instance answers, and then does what it is for', async () => {
    const tool = spawnTool('uml_mconsole', ['--wait', 'debian', 'config', 'ubda'], here());
    const alone = spawnTool('uml_mconsole', ['--wait', 'debian'], here());
    directoryOf('debian', process.pid);
    instance('debian');
    expect(await tool.exit()).toMatchObject({ status: 0, stdout: 'OK debian has ubda\n', stderr: '' });
    expect(await alone.exit()).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  it('has an end', async () => {
    expect(await run(['--wait', '--timeout', '0.1', 'debian', 'version'])).toMatchObject({
      status: 124,
      stderr: "uml_mconsole: 'debian' did not answer within 0.1 seconds\n",
    });
  });

  it('with --notify hears from the instance where it is', async () => {
    const socket = `${home}/notify`;
    const tool = spawnTool('uml_mconsole', ['--wait', '--notify', socket, 'debian', 'config', 'ubda'], here());
    const directory = instance('debian', `${home}/elsewhere`);
    await told(socket, { type: 'socket', path: `${directory}/mconsole` });
    expect(await tool.exit()).toMatchObject({ status: 0, stdout: 'OK debian has ubda\n' });
    expect(existsSync(socket)).toBe(false);
  });
});

/** Tells a socket that may be still to come. */
async function told(socket: string, ...[notification]: [Parameters<typeof notify>[1]]): Promise<void> {
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 5));
  notify(socket, notification);
}

describe('--notify', () => {
  it('prints a line for each notification until a signal, which removes the socket', async () => {
    const socket = `${home}/notify`;
    const tool = spawnTool('uml_mconsole', ['--notify', socket], here());
    await told(socket, { type: 'socket', path: '/x/debian/mconsole' });
    await tool.waitFor('socket /x/debian/mconsole\n');
    await told(socket, { type: 'user', data: Buffer.from('two\nlines\x1b[0m\n') });
    await tool.waitFor('user two\\x0alines\\x1b[0m\n');
    await told(socket, { type: 'panic', message: 'oh no' });
    await tool.waitFor('panic oh no\n');
    await told(socket, { type: 'hang' });
    await tool.waitFor('hang\n');
    expect((await tool.kill('SIGTERM')).signal).toBe('SIGTERM');
    expect(existsSync(socket)).toBe(false);
  });

  it('as JSON, and runs a program for each, one after the other', async () => {
    const socket = `${home}/notify`;
    const script = 'echo "$NOTIFICATION <$NOTIFICATION_TEXT> $1" >> seen; test $NOTIFICATION != hang';
    const args = ['--json', '--notify', socket, 'sh', '-c', script, 'sh', 'an argument'];
    const tool = spawnTool('uml_mconsole', args, here());
    await told(socket, { type: 'panic', message: 'oh no' });
    await tool.waitFor('{"type":"panic","text":"oh no"}\n');
    await told(socket, { type: 'hang' });
    await tool.waitFor('{"type":"hang","text":""}\n');
    await tool.waitFor('uml_mconsole: sh: ended with status 1\n');
    await tool.kill('SIGINT');
    expect(readFileSync(`${home}/seen`, 'utf8')).toBe('panic <oh no> an argument\nhang <> an argument\n');
  });

  it('goes on where the program is not there', async () => {
    const socket = `${home}/notify`;
    const tool = spawnTool('uml_mconsole', ['--notify', socket, '/nonexistent'], here());
    await told(socket, { type: 'hang' });
    await tool.waitFor('uml_mconsole: /nonexistent: No such file or directory\n');
    await told(socket, { type: 'panic', message: 'again' });
    await tool.waitFor('panic again\n');
    await tool.kill();
  });

  it('removes the socket when the reader of its output has gone', async () => {
    const socket = `${home}/notify`;
    const main = new URL('../../src/main.ts', import.meta.url).pathname;
    const tool = [process.execPath, '--import', import.meta.resolve('tsx'), main, 'uml_mconsole', '--notify', socket];
    const pipe = spawnProgram('sh', ['-c', '{ "$@"; echo "status $?" >&2; } | head -1', 'sh', ...tool], here());
    await told(socket, { type: 'hang' });
    await pipe.waitFor('hang\n');
    while (pipe.stderr === '') {
      try {
        notify(socket, { type: 'hang' });
      } catch {
        // it has just gone
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await pipe.exit()).toMatchObject({ stdout: 'hang\n', stderr: 'status 141\n' });
    expect(existsSync(socket)).toBe(false);
  });

  it('leaves a file that is in its place alone', async () => {
    writeFileSync(`${home}/file`, 'precious');
    expect(await run(['--notify', 'file'])).toMatchObject({
      status: 1,
      stderr: "uml_mconsole: 'file' is there and is no socket\n",
    });
    expect(readFileSync(`${home}/file`, 'utf8')).toBe('precious');
  });
});

it('--uml-dir is the only place where umids are looked for', async () => {
  instance('debian');
  instance('other', `${home}/lab`);
  expect((await run(['--uml-dir', 'lab', 'other', 'config', 'ubda'])).stdout).toBe('OK other has ubda\n');
  expect(await run(['--uml-dir', 'lab', 'debian', 'version'])).toMatchObject({
    status: 2,
    stderr: "uml_mconsole: no instance or socket is called 'debian' (looked for lab/debian/mconsole)\n",
  });
});

it('a long name, and a path longer than a socket’s address, are understood', async () => {
  const deep = `${home}/${'d'.repeat(60)}/${'e'.repeat(60)}`;
  const umid = 'a-name-of-many-more-than-eleven-characters';
  const directory = instance(umid, deep);
  const answer = { status: 0, stdout: `OK ${umid} has ubda\n`, stderr: '' };
  expect(await run(['--uml-dir', deep, umid, 'config', 'ubda'])).toMatchObject(answer);
  expect(await run([`${directory}/mconsole`, 'config', 'ubda'])).toMatchObject(answer);
});

it.each([
  ['--list', 'debian'],
  ['--list', '--all'],
  ['--all'],
  ['--match', 'x'],
  ['--match'],
  ['--script', 'file'],
  ['--script', 'file', 'debian', 'version'],
  ['--notify'],
  ['--notify', 'socket', '--all', 'version'],
  ['--wait'],
  ['--wait', '--all', 'version'],
  ['--uml-dir'],
  ['--json'],
])('%s %s %s %s is bad usage', async (...args) => {
  const words = args.filter((word) => word !== undefined);
  expect(await run(words)).toMatchObject({ status: 1, stderr: 'Usage : uml_mconsole socket-name [command]\n' });
});

it('an option after the name is a word of the command, and an unknown one a name, as before', async () => {
  instance('debian');
  expect((await run(['debian', '--list'])).stdout).toBe('ERR Unknown command\n');
  expect((await run(['--frobnicate', 'version'])).status).toBe(2);
});
