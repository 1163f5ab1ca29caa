/** The system's uml_switch as a unit of a real systemd, which is the first process of a machine of the test's. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Outcome, root, runProgram, temporaryDirectory } from '../support/run.ts';
import { type SystemdMachine, systemdMachine } from '../support/systemd-machine.ts';

const UNIT = join(root, 'host/systemd/uml-utilities.service');
const SOCKET = '/run/uml-utilities/uml_switch.ctl';
const SERVICE = 'uml-utilities';
/** Debian's package makes it. */
const USER = 'uml-net';

let machine: SystemdMachine;
let defaults: string;

beforeAll(async () => {
  const binary = join(root, 'dist/bin/uml');
  if (!existsSync(binary)) throw new Error('this is about the built binary: npm run build');
  const directory = temporaryDirectory();
  defaults = join(directory, 'defaults');
  const groups = join(directory, 'group');
  writeFileSync(defaults, '');
  writeFileSync(groups, `${readFileSync('/etc/group', 'utf8')}uml-users:x:64321:${USER}\n`);
  const tun = join(directory, 'tun');
  await runProgram('mknod', ['-m', '666', tun, 'c', '10', '200']); // as udev makes it
  const files = {
    '/dev/net/tun': tun,
    '/etc/default/uml-utilities': defaults,
    '/etc/group': groups,
    '/usr/bin/uml_switch': binary,
  };
  machine = await systemdMachine(files, [UNIT]);
});

afterAll(async () => {
  await machine?.end();
});

beforeEach(async () => {
  await systemctl('stop');
  await systemctl('reset-failed');
  writeFileSync(defaults, readFileSync(join(root, 'host/default/uml-utilities')));
});

function run(...command: string[]): Promise<Outcome> {
  const [file, ...words] = machine.inside(...command);
  return runProgram(file, words);
}

const systemctl = (verb: string, ...words: string[]): Promise<Outcome> => run('systemctl', verb, SERVICE, ...words);
const property = async (name: string): Promise<string> =>
  (await systemctl('show', '--value', '--property', name)).stdout.trim();
const activity = async (): Promise<string> => (await systemctl('is-active')).stdout.trim();
/** The words of a file's status that matter here: mode, user, group, kind. */
const statusOf = async (path: string): Promise<string> => (await run('stat', '-c', '%a %U %G %F', path)).stdout.trim();
const PATIENTLY = { timeout: 30_000 };
const started = { status: 0, stdout: '', stderr: '' };

test('the unit is one that systemd understands', async () => {
  expect(await run('systemd-analyze', 'verify', UNIT)).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
  const broken = join(temporaryDirectory(), 'broken.service');
  writeFileSync(broken, readFileSync(UNIT, 'utf8').replace('Type=notify', 'Type=notfy'));
  expect((await run('systemd-analyze', 'verify', broken)).stderr).toContain('service type');
});

test('the start is over when instances can join, the stop when nothing is left', async () => {
  expect(await systemctl('start')).toMatchObject(started);
  expect([await activity(), await statusOf(SOCKET)]).toEqual(['active', `660 ${USER} ${USER} socket`]);
  expect(await statusOf('/run/uml-utilities')).toBe(`755 ${USER} ${USER} directory`);
  const status = (await run('cat', `/proc/${await property('MainPID')}/status`)).stdout;
  expect(status).toMatch(/^CapBnd:\t0+$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);

  expect(await systemctl('stop')).toMatchObject(started);
  expect([await activity(), await property('Result')]).toEqual(['inactive', 'success']);
  expect(await run('ls', '/run/uml-utilities')).toMatchObject({ status: 2 });
});

test('a switch that was killed is started again', async () => {
  await systemctl('start');
  const pid = await property('MainPID');
  await run('kill', '-KILL', pid);
  await expect.poll(() => property('NRestarts'), PATIENTLY).toBe('1');
  await expect.poll(activity, PATIENTLY).toBe('active');
  expect(await property('MainPID')).not.toBe(pid);
  expect(await statusOf(SOCKET)).toBe(`660 ${USER} ${USER} socket`);
});

test('the file says how: a group that may join, a tap of the user’s own, another socket', async () => {
  const socket = '/run/uml-utilities/other.ctl';
  writeFileSync(
    defaults,
    `UML_SWITCH_OPTIONS="-hub -tap tap5"\nUML_SWITCH_GROUP="uml-users"\nUML_SWITCH_CTL="${socket}"\n`,
  );
  expect(await run('ip', 'tuntap', 'add', 'dev', 'tap5', 'mode', 'tap', 'user', USER)).toMatchObject(started);
  expect(await systemctl('start')).toMatchObject(started);
  expect([await activity(), await statusOf(socket)]).toEqual(['active', `660 ${USER} uml-users socket`]);
  expect((await run('ip', 'link', 'set', 'tap5', 'up')).status).toBe(0);
  expect((await run('ip', '-brief', 'link', 'show', 'tap5')).stdout).toMatch(/LOWER_UP/);
});

test('it can be kept from being started', async () => {
  writeFileSync(defaults, 'UML_SWITCH_START="false"\n');
  expect(await systemctl('start')).toMatchObject(started);
  expect([await activity(), await property('MainPID')]).toEqual(['inactive', '0']);
});

test.each(['UML_SWITCH_USER=nobody', 'UML_SWITCH_CTL=/nowhere/ctl'])(
  '%s is a failure, and not tried for ever',
  async (line) => {
    writeFileSync(defaults, `${line}\n`);
    expect(await systemctl('start')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('because the control process exited with error code'),
    });
    await expect.poll(activity, PATIENTLY).toBe('failed'); // `activating` while it is tried again
  },
);
