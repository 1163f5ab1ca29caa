import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  existsSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from 'vitest';
import { findGuestKernel } from '../../../src/emulator/guest/index.ts';
import { demoRoot, type OurUml, spawnOurUml, startOurUml } from '../../support/our-uml.ts';
import { runTool, temporaryDirectory } from '../../support/run.ts';

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

function umidDirectory({ home, umid }: OurUml): string {
  return join(home, '.uml', umid);
}

describe('an instance on a COW file', () => {
  test.concurrent('boots to a login, keeps what it writes in the COW file, and finds it again', async () => {
    const before = await sha256(demoRoot());
    const first = await startOurUml();
    expect(first.child.output).toContain(`Creating "${first.cow}" as COW file for "${demoRoot()}"`);
    expect(await first.command('echo kept > /root/file; sync; cat /root/file')).toBe('kept\n');
    expect(readFileSync(join(umidDirectory(first), 'pid'), 'utf8')).toBe(`${first.child.pid}\n`);
    expect(existsSync(first.socket)).toBe(true);
    await first.powerOff();
    expect((await first.child.exit()).status).toBe(0);
    expect(existsSync(umidDirectory(first))).toBe(false);

    const second = await startOurUml({ home: first.home, ubda: first.cow });
    expect(await second.command('cat /root/file')).toBe('kept\n');
    await second.powerOff();
    expect(await sha256(demoRoot())).toBe(before);
  });

  test.concurrent('names its devices as UML does', async () => {
    const home = temporaryDirectory();
    for (const letter of 'bdp') writeFileSync(join(home, `disk_${letter}`), Buffer.alloc(1 << 20, letter));
    const uml = await startOurUml({
      home,
      mem: '96M',
      args: ['ubdb=disk_b', 'ubd3r=disk_d', 'ubdp=disk_p', 'eth2=daemon,fe:fd:0:0:0:2,unix,/nowhere'],
    });
    expect(await uml.command("awk '$1 == 98 { print $2, $3, $4 }' /proc/partitions")).toMatch(
      /^0 \d+ ubda\n16 1024 ubdb\n48 1024 ubdd\n240 1024 ubdp\n$/,
    );
    expect(await uml.command('head -c 3 /dev/ubdb; head -c 3 /dev/ubdd; head -c 3 /dev/ubdp')).toBe('bbbdddppp');
    expect(await uml.command('blockdev --getro /dev/ubdd')).toBe('1\n');
    expect(await uml.command('ls /dev/ubd* /dev/tty0 /dev/tty15 /dev/ttyS0 /dev/ttyS15 | xargs')).toBe(
      '/dev/tty0 /dev/tty15 /dev/ttyS0 /dev/ttyS15 /dev/ubda /dev/ubdb /dev/ubdd /dev/ubdp\n',
    );
    expect(await uml.command('cat /sys/class/tty/tty15/dev /sys/class/tty/ttyS15/dev /sys/block/ubdd/dev')).toBe(
      '4:15\n4:79\n98:48\n',
    );
    expect(await uml.command("awk '/MemTotal/ { print ($2 > 70000 && $2 < 98304) }' /proc/meminfo")).toBe('1\n');
    expect(uml.child.output).toContain('daemon_open : control connect failed, errno = 2');
    await uml.powerOff();
  });
});

describe('the end of an instance', () => {
  test.concurrent.each(['halt', 'poweroff', 'halt -f', 'poweroff -f'])(
    '%s leaves status 0 and no umid directory',
    async (command) => {
      const uml = await startOurUml({ args: ['quiet'] });
      uml.shell.type(command);
      const { status, signal } = await uml.child.exit();
      expect({ status, signal }).toEqual({ status: 0, signal: null });
      expect(readdirSync(join(uml.home, '.uml'))).toEqual([]);
    },
  );

  test.concurrent('the status is what the guest wrote to /proc/exitcode', async () => {
    const uml = await startOurUml();
    await uml.command('echo 7 > /proc/exitcode');
    await uml.powerOff();
    expect((await uml.child.exit()).status).toBe(7);
  });

  test.concurrent('reboot starts the instance again in the same process, under the same umid', async () => {
    const uml = await startOurUml();
    const { pid } = uml.child;
    await uml.command('echo over > /root/reboot');
    uml.shell.type('reboot');
    await uml.shell.login();
    expect(await uml.command('cat /root/reboot')).toBe('over\n');
    expect(readFileSync(join(umidDirectory(uml), 'pid'), 'utf8')).toBe(`${pid}\n`);
    await uml.powerOff();
  });

  test.concurrent('noreboot makes a reboot an exit', async () => {
    const uml = await startOurUml({ args: ['noreboot'] });
    uml.shell.type('reboot');
    expect((await uml.child.exit()).status).toBe(0);
  });

  test.concurrent.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it with status 1, nothing left behind',
    async (signal) => {
      const uml = await startOurUml();
      await uml.command('echo synced > /root/file; sync');
      const outcome = await uml.child.kill(signal);
      expect({ status: outcome.status, signal: outcome.signal }).toEqual({ status: 1, signal: null });
      expect(readdirSync(join(uml.home, '.uml'))).toEqual([]);
    },
  );

  test.concurrent('SIGHUP and the end of its input do not end it', async () => {
    const uml = await startOurUml();
    uml.child.signal('SIGHUP');
    expect(await uml.command('echo alive')).toBe('alive\n');
    uml.child.end();
    const version = await runTool('uml_mconsole', [uml.umid, 'version'], { env: { HOME: uml.home } });
    expect(version.stdout).toMatch(/^OK Linux usermode /);
    await uml.child.kill();
  });

  test.concurrent('after SIGKILL the next start takes the umid over', async () => {
    const first = await startOurUml({ umid: 'again' });
    await first.child.kill('SIGKILL');
    expect(existsSync(umidDirectory(first))).toBe(true);
    const second = await startOurUml({ umid: 'again', home: first.home, ubda: first.cow });
    expect(readFileSync(join(umidDirectory(second), 'pid'), 'utf8')).toBe(`${second.child.pid}\n`);
    await second.powerOff();
  });

  test.concurrent('a panic is shown and ends it by SIGABRT; the umid directory stays', async () => {
    const uml = spawnOurUml({ ubda: 'nosuch' });
    const { status, signal } = await uml.child.exit();
    expect({ status, signal }).toEqual({ status: null, signal: 'SIGABRT' });
    expect(uml.child.stdout).toContain("Failed to initialize ubd device 0 :Couldn't determine size of device's file");
    expect(uml.child.stdout).toContain(
      'Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(98,0)',
    );
    expect(readdirSync(umidDirectory(uml)).sort()).toEqual(['mconsole', 'pid']);
  });
});

describe('what a user may get wrong', () => {
  test.concurrent('no ubda is the file root_fs of the working directory', async () => {
    const home = temporaryDirectory();
    copyFileSync(demoRoot(), join(home, 'root_fs'));
    const uml = await startOurUml({ home, ubda: '' });
    expect(await uml.command('awk \'$2 == "/" { print $1 }\' /proc/mounts')).toMatch(/^\/dev\/(ubda|root)\n$/);
    await uml.powerOff();
  });

  test.concurrent('an umid in use: a random one is taken, and said', async () => {
    const first = await startOurUml({ umid: 'taken' });
    const second = await startOurUml({
      umid: 'taken',
      home: first.home,
      ubda: `${first.home}/other.cow,${demoRoot()}`,
    });
    expect(second.child.stderr).toBe(
      `umid "taken" is already in use by pid ${first.child.pid}\nFailed to initialize umid "taken", trying with a random umid\n`,
    );
    expect(readdirSync(join(first.home, '.uml'))).toHaveLength(2);
    await second.powerOff();
    await first.powerOff();
  });

  test.concurrent("a COW file that another instance has open is refused in UML's words", async () => {
    const first = await startOurUml();
    const second = spawnOurUml({ home: first.home, ubda: first.cow });
    expect((await second.child.exit()).signal).toBe('SIGABRT');
    expect(second.child.stdout).toContain(`F_SETLK failed, file already locked by pid ${first.child.pid}`);
    expect(second.child.stdout).toContain(`ubda: Can't open "${first.cow}": errno = 11`);
    await first.powerOff();
  });

  test.concurrent.each([
    [
      'a kernel that is none',
      ['kernel=garbage'],
      "can't boot the kernel 'garbage': it is neither a vmlinux nor a bzImage; an i386 kernel is needed\n",
    ],
    [
      'an amd64 kernel',
      ['kernel=/usr/bin/linux.uml'],
      "can't boot the kernel '/usr/bin/linux.uml': it is a 64-bit (amd64) kernel; an i386 kernel is needed\n",
    ],
    ['a missing initrd', ['initrd=none'], "can't read the initial RAM disk 'none': No such file or directory\n"],
    ['too little memory', ['mem=8M'], /^Too few physical memory! Needed=\d+, given=8388608\n$/],
    ['too much memory', ['mem=4G'], /^Too much physical memory! Possible=\d+, given=4294967296\n$/],
  ])('%s: one line, status 1, nothing left behind', async (_, args, complaint) => {
    const uml = spawnOurUml({ args });
    writeFileSync(join(uml.home, 'garbage'), 'not a kernel\n'.repeat(100));
    const { status, stdout, stderr } = await uml.child.exit();
    expect(stderr).toEqual(typeof complaint === 'string' ? complaint : expect.stringMatching(complaint));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(readdirSync(uml.home).filter((name) => name !== 'garbage' && name !== '.uml')).toEqual([]);
  });
});

test('another i386 kernel boots with kernel=', async () => {
  const home = temporaryDirectory();
  symlinkSync(findGuestKernel()?.vmlinux ?? '', join(home, 'mine'));
  const uml = await startOurUml({ home, args: ['kernel=mine'] });
  expect(await uml.command('uname -m')).toBe('i686\n');
  await uml.powerOff();
});
