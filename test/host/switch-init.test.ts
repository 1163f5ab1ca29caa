/** The system's uml_switch by the init script in host/, on machines of the test's. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type PrivateMachine, privateMachine } from '../support/private-machine.ts';
import { type Outcome, root, runProgram, temporaryDirectory } from '../support/run.ts';

const SCRIPT = join(root, 'host/init.d/uml-utilities');
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
