import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SERVER_HELP } from '../../../src/lib/mconsole/index.ts';
import { type OurUml, startOurUml } from '../../support/our-uml.ts';
import { type Outcome, runProgram, runTool } from '../../support/run.ts';

const OUR_CLIENT = 'our client';
const C_CLIENT = 'the C client';

/** What a client printed on its standard output, and its status. */
function seen({ stdout, status }: Outcome): { stdout: string; status: number | null } {
  return { stdout, status };
}

describe('a running instance', () => {
  let uml: OurUml;

  beforeAll(async () => {
    uml = await startOurUml({ umid: 'debian' });
  });
  afterAll(() => uml.powerOff());

  function ask(client: string, ...words: string[]): Promise<Outcome> {
    const options = { env: { HOME: uml.home }, cwd: uml.home };
    if (client === OUR_CLIENT) return runTool('uml_mconsole', ['debian', ...words], options);
    return runProgram('/usr/bin/uml_mconsole', ['debian', ...words], options);
  }

  function makeDisk(name: string, megabytes: number): string {
    const file = join(uml.home, name);
    writeFileSync(file, '');
    truncateSync(file, megabytes << 20);
    return file;
  }

  describe.each([OUR_CLIENT, C_CLIENT])('answers %s', (client) => {
    test('version with the names of the guest kernel', async () => {
      const { stdout } = await ask(client, 'version');
      expect(stdout).toBe(`OK ${await uml.command('uname -a | sed "s/ GNU.*//"')}`);
    });

    test('help', async () => {
      const { stdout, status } = await ask(client, 'help');
      expect(stdout.startsWith(`OK ${SERVER_HELP}`)).toBe(true);
      expect(status).toBe(0);
    });

    test('stop and go', async () => {
      expect(seen(await ask(client, 'go'))).toEqual({ stdout: 'ERR Not stopped\n', status: 1 });
      expect(seen(await ask(client, 'stop'))).toEqual({ stdout: 'OK stopped\n', status: 0 });
      expect(seen(await ask(client, 'stop'))).toEqual({ stdout: 'ERR Already stopped\n', status: 1 });
      expect((await ask(client, 'version')).stdout).toMatch(/^OK Linux usermode /);
      expect(seen(await ask(client, 'go'))).toEqual({ stdout: 'OK \n', status: 0 });
      expect(await uml.command('echo going')).toBe('going\n');
    });

    test.each([
      ['config ubda', /^OK .*debian\.cow,.*root_fs\n$/, 0],
      ['config ubd0', /^OK .*debian\.cow,.*root_fs\n$/, 0],
      ['config ubdc', 'OK \n', 0],
      ['config ubd16', 'ERR ubd_get_config : device number out of range\n', 1],
      ['config con0', 'OK fd:0,fd:1\n', 0],
      ['config con99', 'ERR device number out of range\n', 1],
      ['config ssl3', 'OK null\n', 0],
      ['config eth0', 'ERR No get_config routine defined\n', 1],
      ['config bogus', 'ERR Bad configuration option\n', 1],
      ['remove bogus', 'ERR Bad remove option\n', 1],
      ['remove ubdc', "ERR Device doesn't exist\n", 237],
      ['remove ubd16', 'ERR Invalid device number - must be between 0 and 15\n', 1],
      ['remove ubda', 'ERR Device is currently open\n', 240],
      ['config ubdc=nosuchfile', "ERR Couldn't determine size of device's file\n", 254],
      ['config ubda=other', 'ERR Device is already configured\n', 240],
      ['config ubd16=file', 'ERR Device number out of range\n', 1],
      ['config ubdcx=file', "ERR Expected '=' or flag letter (r, s, c, t or d)\n", 234],
      ['config ubdcd=a,b', "ERR Can't specify both 'd' and a cow file\n", 234],
      ['nonsense', 'ERR Unknown command\n', 1],
      ['proc nonexistent', 'ERR Failed to open file\n', 1],
      ['stack x', 'ERR Please specify a pid\n', 1],
      ['stack 99999', "ERR Couldn't find that pid\n", 1],
    ])('%s', async (command, stdout, status) => {
      const outcome = await ask(client, ...command.split(' '));
      expect(outcome.stdout).toEqual(typeof stdout === 'string' ? stdout : expect.stringMatching(stdout));
      expect(outcome.status).toBe(status);
    });

    test('config ubdb= with a swap file, which is refused to go while it is in use', async () => {
      const before = Number(await uml.command("awk '/SwapTotal/ { print $2 }' /proc/meminfo"));
      const file = makeDisk('swap', 32);
      expect(seen(await ask(client, 'config', 'ubdb=swap'))).toEqual({ stdout: 'OK \n', status: 0 });
      expect(seen(await ask(client, 'config', 'ubdb'))).toEqual({ stdout: `OK ${file}\n`, status: 0 });
      await uml.command('mkswap /dev/ubdb && swapon /dev/ubdb');
      const after = Number(await uml.command("awk '/SwapTotal/ { print $2 }' /proc/meminfo"));
      expect(after - before).toBeGreaterThan(32_000);
      expect(seen(await ask(client, 'remove', 'ubdb'))).toEqual({
        stdout: 'ERR Device is currently open\n',
        status: 240,
      });
      await uml.command('swapoff /dev/ubdb');
      expect(seen(await ask(client, 'remove', 'ubdb'))).toEqual({ stdout: 'OK \n', status: 0 });
      expect(await uml.command('ls /dev/ubdb || true')).toContain('No such file');
      expect(readFileSync(file).subarray(4086, 4096).toString()).toBe('SWAPSPACE2');
    });

    test('a file system comes, is mounted, and goes', async () => {
      const file = makeDisk('data', 8);
      expect((await ask(client, 'config', 'ubdd=data')).status).toBe(0);
      await uml.command('mke2fs -q /dev/ubdd && mkdir -p /mnt && mount /dev/ubdd /mnt && echo on data > /mnt/file');
      expect((await ask(client, 'remove', 'ubdd')).status).toBe(240);
      await uml.command('umount /mnt');
      expect((await ask(client, 'remove', 'ubdd')).status).toBe(0);
      const image = readFileSync(file);
      expect(image.readUInt16LE(1024 + 56)).toBe(0xef53);
      expect(image.includes('on data')).toBe(true);
    });

    test('a COW file comes with the kernel message that names it', async () => {
      makeDisk('base', 4);
      const cow = `over-${client.length}.cow`;
      expect((await ask(client, 'config', `ubde=${cow},base`)).status).toBe(0);
      expect(await uml.command('dmesg')).toContain(
        `Creating "${join(uml.home, cow)}" as COW file for "${join(uml.home, 'base')}"`,
      );
      expect((await ask(client, 'config', 'ubde')).stdout).toBe(
        `OK ${join(uml.home, cow)},${join(uml.home, 'base')}\n`,
      );
      expect((await ask(client, 'remove', 'ubde')).status).toBe(0);
    });

    test('log puts text into the guest kernel log', async () => {
      expect((await ask(client, 'log', `from ${client}: 100%`)).status).toBe(0);
      expect(await uml.command('dmesg')).toContain(`from ${client}: 100%`);
    });

    test('proc, stack and sysrq show what the kernel says', async () => {
      expect((await ask(client, 'proc', 'version')).stdout).toBe(`OK \n${await uml.command('cat /proc/version')}\n`);
      expect((await ask(client, 'stack', '1')).stdout).toMatch(/schedule/);
      expect((await ask(client, 'sysrq', 'm')).stdout).toContain('Mem-Info');
    });
  });
});

test.concurrent.each([
  ['halt', 0],
  ['reboot', 0],
  ['cad', 0],
])('%s by the management console ends or restarts the instance', async (command, status) => {
  const uml = await startOurUml({ umid: 'ending' });
  await uml.command('sync');
  const reply = await runTool('uml_mconsole', ['ending', command], { env: { HOME: uml.home } });
  expect(seen(reply)).toEqual({ stdout: 'OK \n', status });
  if (command === 'halt') expect((await uml.child.exit()).status).toBe(0);
  else {
    await uml.shell.login();
    await uml.powerOff();
  }
});

test.concurrent('works when the guest has no user space left', async () => {
  const uml = await startOurUml({ umid: 'dead' });
  uml.shell.type('echo 0 > /proc/sys/kernel/panic; kill -STOP -1');
  const options = { env: { HOME: uml.home } };
  expect((await runTool('uml_mconsole', ['dead', 'version'], options)).stdout).toMatch(/^OK Linux usermode /);
  expect((await runTool('uml_mconsole', ['dead', 'halt'], options)).status).toBe(0);
  expect((await uml.child.exit()).status).toBe(0);
});
