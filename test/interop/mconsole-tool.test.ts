/** uml_mconsole as a user meets it, beside the C tool, on the real kernel and on a console of our own. */
import { existsSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MconsoleServer, serveMconsole } from '../../src/lib/mconsole/index.ts';
import { bind, closeFd, pathAddress, unixSocket } from '../../src/lib/os/index.ts';
import { type RealUml, startRealUml } from '../support/real-uml.ts';
import { type ChildOptions, runProgram, runTool, spawnProgram, spawnTool, temporaryDirectory } from '../support/run.ts';

let uml: RealUml;
beforeAll(async () => {
  uml = await startRealUml({ umid: 'debian' });
});
afterAll(() => uml?.stop());

function here(options: ChildOptions = {}): ChildOptions {
  return { cwd: uml.home, ...options, env: { HOME: uml.home, UML_DIR: undefined, ...options.env } };
}

const ours = (args: readonly string[], options?: ChildOptions) => runTool('uml_mconsole', args, here(options));
const theirs = (args: readonly string[], options?: ChildOptions) => runProgram('uml_mconsole', args, here(options));

describe('beside the C tool, on real UML', () => {
  it.each([
    { args: [] },
    { args: ['debian', 'version'] },
    { args: ['debian', 'version', 'extra', 'words'] },
    { args: ['debian', 'help'] },
    { args: ['debian', 'mconsole-version'] },
    { args: ['debian', 'quit'] },
    { args: ['debian', 'switch', 'debian'] },
    { args: ['debian', ''] },
    { args: ['debian', '  version'] },
    { args: ['debian', 'config', 'ubda'] },
    { args: ['debian', 'config', 'ubdb=nosuchfile'] },
    { args: ['debian', 'config', 'ubdb=nosuchdir/x'] },
    { args: ['debian', 'remove', 'ubdb'] },
    { args: ['debian', 'log', 'hello', 'from', 'the', 'host'] },
    { args: ['debian', 'log '] },
    { args: ['debian', 'log', 'x'.repeat(600)] },
    { args: ['debian', 'log', '-f'] },
    { args: ['debian'], stdin: 'version\nlog hi\nfrobnicate\nquit\nversion\n' },
    { args: ['debian'], stdin: 'stop\nversion\nstop\ngo\nversion\nquit\n' },
    { args: ['debian'], stdin: 'quit now\nversion\n' },
    { args: ['debian'], stdin: 'help\n' },
    { args: ['debian'], stdin: 'switch   debian\nconfig ubda\nmconsole-version\nconfig foo\nquit\n' },
    { args: ['debian'], stdin: 'config ubdb=nosuchdir/x\nconfig ubdb=root.cow\nconfig ubdb\nremove ubdb\nquit\n' },
    { args: ['debian'], stdin: 'version' },
    { args: ['debian'], stdin: '' },
  ])('$args $stdin: the same output and status', async ({ args, stdin }) => {
    const options = stdin === undefined ? {} : { stdin };
    expect(await ours(args, options)).toEqual(await theirs(args, options));
  });

  it.each([
    ...['proc version', 'proc mounts', 'proc filesystems', 'proc uptime', 'proc /uptime', 'proc ./uptime', 'proc '],
    ...['sysrq h', 'sysrq 0', 'sysrq 9', 'sysrq z', 'sysrq ?', 'sysrq ', 'stack'],
    ...['versions', 'help config', 'config ', 'remove ', 'config ubda1', 'config ubdh=../x/./y', 'remove ubdh'],
    ...['log   two   spaces', 'log 100%s %d %n', 'log -f text'],
  ])('%j: the same answer, but for numbers that change', async (command) => {
    writeFileSync(join(uml.home, 'text'), 'a line\nand one without an end');
    const [mine, other] = [await ours(['debian', command]), await theirs(['debian', command], { timeout: 20_000 })];
    const shape = ({ stdout, ...rest }: typeof mine) => ({ ...rest, stdout: stdout.replace(/\b[\da-f]+\b/g, '#') });
    expect(shape(mine)).toEqual(shape(other));
  });

  it('a dead socket is reported in the same words', async () => {
    const path = join(temporaryDirectory(), 'debian');
    mkdirSync(path);
    const fd = unixSocket('dgram');
    bind(fd, pathAddress(join(path, 'mconsole')));
    closeFd(fd);
    const env = { HOME: '/nonexistent' };
    const [mine, other] = [
      await ours([path, 'version'], { env }),
      await theirs([`${path}/mconsole`, 'version'], { env }),
    ];
    expect(mine).toMatchObject({ status: 1, stdout: '' });
    expect(other.stderr.endsWith(mine.stderr)).toBe(true);
  });
});

describe('where the C tool is mended', () => {
  it('nothing is found: one line, and a status of its own (defect 7)', async () => {
    for (const options of [{}, { stdin: 'version\n' }]) {
      const args = 'stdin' in options ? ['nosuch'] : ['nosuch', 'version'];
      const { status, stdout, stderr } = await ours(args, options);
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toBe(
        `uml_mconsole: no instance or socket is called 'nosuch' (looked for ${uml.home}/.uml/nosuch/mconsole, /tmp/uml/nosuch/mconsole)\n`,
      );
    }
  });

  it('int without an instance signals nobody (defects 1, 6, 9)', async () => {
    expect(await ours(['nosuch', 'int'])).toMatchObject({ status: 2, stdout: '' });
    const path = temporaryDirectory();
    const bystander = spawnProgram('sleep', ['1000']);
    writeFileSync(`${path}/mconsole`, '');
    for (const pid of ['', '0\n', '-1\n', '12345678901\n']) {
      writeFileSync(`${path}/pid`, pid);
      expect(await ours([path, 'int'])).toMatchObject({
        status: 1,
        stdout: 'Cannot determine the PID of your UML session, not sending signal.\n',
      });
    }
    expect(bystander.running).toBe(true);
  });

  it('a full path brings no warnings, and the umid directory and UML_DIR are understood (defect 7)', async () => {
    for (const name of [uml.socket, dirname(uml.socket), '.uml/debian']) {
      expect(await ours([name, 'version'])).toMatchObject({ status: 0, stderr: '' });
    }
    const env = { HOME: '/nonexistent', UML_DIR: join(uml.home, '.uml') };
    expect(await ours(['debian', 'version'], { env })).toMatchObject({ status: 0, stderr: '' });
  });

  it('words are matched whole (defect 4)', async () => {
    for (const word of ['integer', 'int-nope', 'quitxyz']) {
      expect(await ours(['debian', word])).toMatchObject({ status: 1, stdout: 'ERR Unknown command\n' });
    }
    expect(await uml.command('echo alive')).toBe('alive\n');
  });

  it('a command that does not fit is refused (defect 12)', async () => {
    const { status, stdout, stderr } = await ours(['debian', `config ubdb=/${'x'.repeat(511)}`]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe('uml_mconsole: the command has 524 bytes, 511 is the most\n');
  });

  it('file names are made absolute with every separator, not where there are none (defect 11)', async () => {
    for (const disk of ['disk', 'back']) {
      writeFileSync(join(uml.home, disk), '');
      truncateSync(join(uml.home, disk), 1 << 20);
    }
    symlinkSync(uml.home, join(uml.home, 'link'));
    const session = [
      'config ubdb=disk',
      'config ubdb',
      'config ubdc=cow:link/back',
      'config ubdc',
      'config ubd=sync',
      'config ubdd=/etc/hostname',
      'remove ubdb',
      'remove ubdc',
      'remove ubdd',
      'quit',
    ];
    const { stdout, stderr } = await ours(['debian'], { stdin: session.map((line) => `${line}\n`).join('') });
    const answers = ['', `${uml.home}/disk`, '', `${uml.home}/cow,${uml.home}/back`, '', '', '', '', ''];
    const expected = session.map(
      (line, i) => `(debian) ${line}\n${answers[i] === undefined ? '' : `OK ${answers[i]}\n`}`,
    );
    expect({ stdout, stderr }).toEqual({ stdout: expected.join(''), stderr: '' });
    expect((await ours(['debian', 'config', 'ubdb=/nosuch'])).stderr).toBe('');
  });

  it('a long log is cut at line ends', async () => {
    const line = (i: number) => `log line ${String(i).padStart(3, '0')} ${'.'.repeat(60)}\n`;
    writeFileSync(join(uml.home, 'log'), Array.from({ length: 100 }, (_, i) => line(i)).join(''));
    const { status, stdout } = await ours(['debian', 'log', '-f', 'log']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^(OK \n)+$/);
    const logged = (await uml.command('dmesg | grep -c "^\\[* *[0-9. ]*\\]* *log line [0-9]* \\.\\{60\\}$"')).trim();
    expect(logged).toBe('100');
  });

  it('an empty line typed is no command, a missing log file no end', async () => {
    const { status, stdout, stderr } = await ours(['debian'], { stdin: '\n  \nlog -f nosuch\nversion\n' });
    expect(status).toBe(0);
    expect(stderr).toBe('opening file: No such file or directory\n');
    expect(stdout).toMatch(
      /^\(debian\) \n\(debian\) {3}\n\(debian\) log -f nosuch\n\(debian\) version\nOK Linux .*\n\(debian\) \n$/,
    );
  });

  it('a command may be for another instance (defect 10)', async () => {
    const { stdout } = await ours(['debian'], {
      stdin: `${dirname(uml.socket)}: config foo\nswitch nosuch\nversion\n`,
    });
    expect(stdout).toMatch(
      /config foo\nERR Bad configuration option\n\(debian\) switch nosuch\n\(debian\) version\nOK /,
    );
  });
});

describe('with a console that fails', () => {
  let directory: string;
  let server: MconsoleServer;
  beforeAll(() => {
    directory = temporaryDirectory();
    const never = () => new Promise<void>(() => {});
    server = serveMconsole({
      path: join(directory, 'mconsole'),
      commands: {
        version: never,
        log: (_, reply) => reply.error('Log is full', -28),
        help: (_, reply) => reply.error('No help', -256),
        long: (_, reply) => reply.ok('line\n'.repeat(200_000)),
        halt: async (_, reply) => {
          await reply.write('some text');
          await never();
        },
      },
    });
  });
  afterAll(() => server.close());

  it('there is a time-out (defect 8)', async () => {
    expect(await ours(['--timeout', '0.2', directory, 'version'])).toEqual({
      status: 124,
      signal: null,
      stdout: '',
      stderr: `uml_mconsole: '${directory}/mconsole' did not answer within 0.2 seconds\n`,
    });
  });

  it('a reply whose end is lost is shown, and said to be cut', async () => {
    expect(await ours(['--timeout', '1', directory, 'halt'])).toMatchObject({
      status: 1,
      stdout: 'OK some text\n',
      stderr: 'uml_mconsole: the end of the answer was lost\n',
    });
  });

  it('a reader that goes away ends it without a word, as SIGPIPE ends the C tool', async () => {
    const main = new URL('../../src/main.ts', import.meta.url).pathname;
    const tool = [process.execPath, '--import', import.meta.resolve('tsx'), main, 'uml_mconsole', directory, 'long'];
    const script = '{ "$@"; echo "status $?" >&2; } | head -1';
    expect(await runProgram('sh', ['-c', script, 'sh', ...tool])).toMatchObject({
      stdout: 'OK line\n',
      stderr: 'status 141\n',
    });
  });

  it('log and help report failure (defect 9)', async () => {
    expect(await ours([directory, 'log', 'hello'])).toMatchObject({ status: 228, stdout: 'ERR Log is full\n' });
    const { status, stdout } = await ours([directory, 'help']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^ERR No help\nAdditional local mconsole commands:\n/);
  });

  it.each([['--timeout'], ['--timeout', 'x', 'debian'], ['--timeout', '0', 'debian'], ['--timeout', '5']])(
    '%s %s %s is bad usage',
    async (...args) => {
      expect(await ours(args)).toMatchObject({ status: 1, stderr: 'Usage : uml_mconsole socket-name [command]\n' });
    },
  );
});

describe('beyond the C tool, on real UML', () => {
  const row = async (umid: string): Promise<string[] | undefined> => {
    const { stdout } = await ours(['--uml-dir', '~/.uml', '--list']);
    const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
    return rows.find(([name]) => name === umid)?.slice(1, 5);
  };

  it('--list shows what it is, while it runs, is stopped, and is dead', async () => {
    const pid = String(uml.pid);
    const kilobytes = Number(await uml.command("awk '/^MemTotal/ { print $2 }' /proc/meminfo"));
    const memory = `${Math.round(kilobytes / 1024)}M`;
    expect(await row('debian')).toEqual(['alive', pid, expect.stringMatching(/^6\./), memory]);
    process.kill(uml.pid, 'SIGSTOP');
    await expect.poll(() => row('debian')).toEqual(['stopped', pid, '-', '-']); // a signal takes its time
    process.kill(uml.pid, 'SIGCONT');
    const other = await startRealUml({ umid: 'victim', args: [`uml_dir=${uml.home}/.uml/`] });
    await other.kill();
    expect(await row('victim')).toEqual(['stale', String(other.pid), '-', '-']);
    await other.stop();
  });

  it('--wait, a script and --json go through one start of it', async () => {
    const home = temporaryDirectory();
    const socket = join(home, 'notify');
    const script = 'version\nfrobnicate\n'; // its drivers are not there yet when its console is
    const args = ['--uml-dir', join(home, 'place'), '--json', '--wait', '--notify', socket, '--script', '-', 'waited'];
    const client = spawnTool('uml_mconsole', args, here());
    client.end(script);
    while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
    const other = await startRealUml({ umid: 'waited', args: [`uml_dir=${home}/place/`, `mconsole=notify:${socket}`] });
    const { stdout, stderr, status } = await client.exit();
    await other.stop();
    expect({ stderr, status }).toEqual({ stderr: '', status: 1 });
    const answers = stdout.trimEnd().split('\n');
    expect(answers.map((line) => JSON.parse(line))).toMatchObject([
      { instance: 'waited', command: 'version', ok: true, text: expect.stringMatching(/^Linux /) },
      { command: 'frobnicate', ok: false, err: 1 },
    ]);
  });
});

it('int ends the instance that it is meant for', async () => {
  const other = await startRealUml({ umid: 'victim' });
  const result = await ours(['victim', 'int'], { env: { HOME: other.home } });
  expect(result).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
  expect(await other.exited).toEqual({ status: 1, signal: null });
  expect(existsSync(dirname(other.socket))).toBe(false);
  await other.stop();
});
