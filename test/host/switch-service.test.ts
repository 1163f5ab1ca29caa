/** The system's uml_switch, by the init script and by the systemd unit in host/, on machines of the test's. */
import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { bind, closeFd, lookupUser, pathAddress, receive, unixSocket } from '../../src/lib/os/index.ts';
import { type PrivateMachine, privateMachine } from '../support/private-machine.ts';
import { type Child, type Outcome, root, runProgram, spawnProgram, temporaryDirectory } from '../support/run.ts';

const SCRIPT = join(root, 'host/init.d/uml-utilities');
const UNIT = join(root, 'host/systemd/uml-utilities.service');
const SOCKET = '/run/uml-utilities/uml_switch.ctl';
const PID_FILE = '/run/uml-utilities/uml_switch.pid';
/** Debian's package makes it. */
const USER = 'uml-net';

let machine: PrivateMachine;
let defaults: string;

beforeEach(async () => {
  const binary = join(root, 'dist/bin/uml');
  if (!existsSync(binary)) throw new Error('this is about the built binary: npm run build');
  defaults = join(temporaryDirectory(), 'defaults');
  writeFileSync(defaults, readFileSync(join(root, 'host/default/uml-utilities')));
  machine = await privateMachine({ '/etc/default/uml-utilities': defaults, '/usr/bin/uml_switch': binary });
});

function run(...command: string[]): Promise<Outcome> {
  const [file, ...words] = machine.inside(...command);
  return runProgram(file, words);
}

/** The words of a file's status that matter here: mode, user, group, kind. */
const statusOf = async (path: string): Promise<string> => (await run('stat', '-c', '%a %U %G %F', path)).stdout.trim();
const switchPid = async (): Promise<string> => (await run('cat', PID_FILE)).stdout.trim();
/** User and command line of each switch that runs. */
const running = async (): Promise<string[]> =>
  (await run('ps', '-eo', 'user:20=,args=')).stdout.split('\n').filter((line) => line.includes('/uml_switch '));
const asUser = (user: string) => [expect.stringMatching(new RegExp(`^${user} `))];

describe('the init script', () => {
  const service = (action: string): Promise<Outcome> => run(SCRIPT, action);

  test('starts it as its user; instances of the group can join when it says so', async () => {
    expect(await service('start')).toMatchObject({ status: 0, stderr: '' });
    expect(await statusOf(SOCKET)).toBe(`660 ${USER} ${USER} socket`);
    expect(await statusOf('/run/uml-utilities')).toBe(`755 ${USER} ${USER} directory`);
    expect(await running()).toEqual(asUser(USER));
    expect(await service('status')).toMatchObject({ status: 0, stdout: expect.stringContaining('is running') });

    const pid = await switchPid();
    expect(await service('start')).toMatchObject({ status: 0 });
    expect(await switchPid()).toBe(pid);
    expect(await service('restart')).toMatchObject({ status: 0 });
    expect(await switchPid()).not.toBe(pid);
    expect(await statusOf(SOCKET)).toBe(`660 ${USER} ${USER} socket`);

    expect(await service('stop')).toMatchObject({ status: 0, stderr: '' });
    expect([await running(), (await run('ls', '/run/uml-utilities')).stdout]).toEqual([[], '']);
    expect(await service('status')).toMatchObject({ status: 3 });
    expect(await service('stop')).toMatchObject({ status: 0 });
  });

  test('what a kill left behind is no hindrance', async () => {
    await service('start');
    const pid = await switchPid();
    await run('kill', '-KILL', pid);
    while ((await running()).length > 0);
    expect(await service('status')).toMatchObject({ status: 1 }); // LSB: dead, and the pid file is there
    expect(await service('force-reload')).toMatchObject({ status: 0 });
    expect(await switchPid()).not.toBe(pid);
    expect(await running()).toEqual(asUser(USER));
  });

  test('/etc/default/uml-utilities says how', async () => {
    writeFileSync(
      defaults,
      'UML_SWITCH_OPTIONS="-hub --mode 666"\nUML_SWITCH_USER="nobody"\nUML_SWITCH_CTL="/run/uml-utilities/other.ctl"\n',
    );
    expect(await service('start')).toMatchObject({ status: 0, stderr: '' });
    expect(await statusOf('/run/uml-utilities/other.ctl')).toBe('666 nobody nogroup socket');
    expect(await running()).toEqual([
      expect.stringMatching(/^nobody .* -hub --mode 666 -unix \/run\/uml-utilities\/other\.ctl$/),
    ]);
    expect(await service('stop')).toMatchObject({ status: 0 });
    expect(await running()).toEqual([]);
  });

  test('a group of its own may join', async () => {
    writeFileSync(defaults, 'UML_SWITCH_USER=root\nUML_SWITCH_GROUP=tty\n');
    expect(await service('start')).toMatchObject({ status: 0, stderr: '' });
    expect(await statusOf(SOCKET)).toBe('660 root tty socket');
  });

  test('not started, it says nothing', async () => {
    writeFileSync(defaults, 'UML_SWITCH_START="false"\n');
    expect(await service('start')).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
    expect(await running()).toEqual([]);
  });

  test('a switch that can’t be had is a failure', async () => {
    writeFileSync(defaults, 'UML_SWITCH_CTL=/nowhere/ctl\n');
    expect(await service('start')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('uml_switch --group uml-net  -unix /nowhere/ctl'),
    });
    expect(await running()).toEqual([]);
  });

  test('other words', async () => {
    expect(await service('reload')).toMatchObject({
      status: 1,
      stderr: `Usage: ${SCRIPT} {start|stop|restart|force-reload|status}\n`,
    });
  });
});

describe('the systemd unit', () => {
  /** The values of a key of the unit. */
  const valuesOf = (key: string): string[] =>
    readFileSync(UNIT, 'utf8')
      .split('\n')
      .flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));

  const words = (text: string): string[] =>
    [...text.matchAll(/'([^']*)'|"([^"]*)"|[^\s'"]+/g)].map(([word, single, double]) => single ?? double ?? word);

  /** NAME=value of the unit, overruled by those of the file. */
  function environment(): Record<string, string> {
    const lines = readFileSync(defaults, 'utf8').split('\n');
    const assignments = [...valuesOf('Environment').flatMap(words), ...lines.filter((line) => /^\w+=/.test(line))];
    return Object.fromEntries(
      assignments.map((text) => {
        const [name = '', value = ''] = text.split(/=(.*)/s);
        return [name, value.replace(/^"(.*)"$/, '$1')];
      }),
    );
  }

  /** A command line as systemd expands it (systemd.service(5)): ${A} is a word, $A its words, $$ a dollar sign. */
  function expanded(line: string): string[] {
    const values = environment();
    return words(line).flatMap((word) => {
      const [, name] = /^\$(\w+)$/.exec(word) ?? [];
      if (name !== undefined) return (values[name] ?? '').split(/\s+/).filter((part) => part !== '');
      return [word.replace(/\$\{(\w+)\}/g, (_, each: string) => values[each] ?? '').replaceAll('$$', '$')];
    });
  }

  /** The command of a key, as its user, with the runtime directory made. */
  async function command(key: string): Promise<[string, ...string[]]> {
    await run('install', '-d', '-o', USER, '-g', USER, '/run/uml-utilities');
    const set = Object.entries(environment()).map(([name, value]) => `${name}=${value}`);
    const user = [
      'setpriv',
      `--reuid=${USER}`,
      `--regid=${USER}`,
      '--init-groups',
      '--no-new-privs',
      '--bounding-set=-all',
    ];
    return machine.inside(
      'env',
      '-i',
      'PATH=/usr/bin:/bin',
      ...set,
      ...notify,
      ...user,
      ...expanded(valuesOf(key)[0] ?? ''),
    );
  }

  let notify: string[] = [];

  test('is one that systemd understands', async () => {
    expect(await run('systemd-analyze', 'verify', UNIT)).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
    const broken = join(temporaryDirectory(), 'broken.service');
    writeFileSync(broken, readFileSync(UNIT, 'utf8').replace('Type=notify', 'Type=notfy'));
    expect((await run('systemd-analyze', 'verify', broken)).stderr).toContain('service type');
  });

  async function check(key: string): Promise<Outcome> {
    const [file, ...words] = await command(key);
    return runProgram(file, words);
  }

  test('is started unless the file says otherwise, and by its user only', async () => {
    expect(await check('ExecCondition')).toMatchObject({ status: 0 });
    expect(await check('ExecStartPre')).toMatchObject({ status: 0, stderr: '' });
    writeFileSync(defaults, 'UML_SWITCH_START="false"\nUML_SWITCH_USER=nobody\n');
    expect(await check('ExecCondition')).toMatchObject({ status: 1 });
    expect(await check('ExecStartPre')).toMatchObject({
      status: 1,
      stderr: 'UML_SWITCH_USER is nobody: set User= too, by systemctl edit uml-utilities\n',
    });
  });

  test.each([
    ['as it comes', '', SOCKET, '660'],
    [
      'as the file says',
      'UML_SWITCH_OPTIONS="-hub --mode 666"\nUML_SWITCH_CTL=/run/uml-utilities/x\n',
      '/run/uml-utilities/x',
      '666',
    ],
  ])('%s: it tells when it is ready, and takes its socket away', async (_, file, socket, mode) => {
    writeFileSync(defaults, file);
    const manager = listenForNotices();
    notify = [`NOTIFY_SOCKET=${manager.path}`];
    const [program, ...args] = await command('ExecStart');
    const child: Child = spawnProgram(program, args);
    await child.waitFor('attached to unix socket');
    await manager.waitFor('READY=1');
    expect(await statusOf(socket)).toBe(`${mode} ${USER} ${USER} socket`);
    await run('sh', '-c', 'kill -TERM $(pidof uml_switch)');
    await child.exit();
    expect((await run('ls', '/run/uml-utilities')).stdout).toBe('');
    manager.close();
  });
});

/** The socket that services of Type=notify tell systemd at. */
function listenForNotices(): { path: string; waitFor(line: string): Promise<void>; close(): void } {
  const path = join(temporaryDirectory(), 'notify');
  const { uid, gid } = lookupUser(USER) ?? { uid: -1, gid: -1 };
  const fd = unixSocket('dgram');
  bind(fd, pathAddress(path));
  chownSync(path, uid, gid);
  chmodSync(join(path, '..'), 0o755);
  const heard: string[] = [];
  const buffer = Buffer.alloc(4096);
  return {
    path,
    async waitFor(line) {
      while (!heard.includes(line)) {
        const message = receive(fd, buffer);
        if (message) heard.push(...buffer.toString('utf8', 0, message.length).split('\n'));
        else await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    close: () => closeFd(fd),
  };
}
