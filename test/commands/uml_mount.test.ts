import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serveMconsole } from '../../src/lib/mconsole/index.ts';
import { FILE } from '../support/fuse-server.ts';
import { asNobody } from '../support/nobody.ts';
import { runProgram, runTool, temporaryDirectory, toolScript } from '../support/run.ts';
import { umlfsInstance } from '../support/umlfs-instance.ts';

const mount = (...words: string[]) => runTool('uml_mount', words);
const failure = (stderr: string) => ({ status: 1, signal: null, stdout: '', stderr });

/** A home with an instance, and a directory to mount at, both open to everybody. */
function place(): { home: string; point: string } {
  const home = temporaryDirectory();
  const point = join(home, 'mnt');
  mkdirSync(point, { mode: 0o777 });
  return { home, point };
}

/** Runs a script in a mount namespace of its own, in which `"$@"` is uml_mount. */
function inNamespace(script: string, home: string, ...prefix: string[]) {
  const tool = toolScript('uml_mount');
  return runProgram('unshare', ['--mount', ...prefix, 'sh', '-c', script, 'sh', tool], { env: { HOME: home } });
}

test('wrong words', async () => {
  expect(await mount()).toEqual(failure('Usage : uml_mount umid mount-point [-o option,...]\n'));
  expect(await mount('-h')).toEqual(failure('fuse: missing mountpoint parameter\n'));
  expect(await mount('/srv/mnt')).toEqual(failure('fuse: missing mountpoint parameter\n'));
  expect(await mount('uml', 'a', 'b')).toEqual(failure("fuse: invalid argument `b'\n"));
  expect(await mount('uml', 'a', '-o')).toEqual(failure("fuse: missing argument after `-o'\n"));
  expect(await mount('uml', '--', 'a', '-x')).toEqual(failure("fuse: invalid argument `-x'\n"));
  expect(await mount('uml', '-x', 'a')).toEqual(failure("fuse: unknown option `-x'\n"));
  const { status, stderr } = await mount('no-such-instance', '/mnt');
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^uml_mount: no-such-instance: .*\n$/)]);
});

test('an instance without UMLFS is asked first, and nothing is mounted', async () => {
  const { home, point } = place();
  mkdirSync(join(home, '.uml/plain'), { recursive: true });
  const server = serveMconsole({ path: join(home, '.uml/plain/mconsole'), commands: {} });
  try {
    const { status, stdout, stderr } = await runTool('uml_mount', ['plain', point], { env: { HOME: home } });
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: '',
      stderr:
        "uml_mount: the kernel of 'plain' has no UMLFS, as no kernel of the mainline has; nothing was mounted. " +
        "A guest's files reach the host by sshfs, or in a hostfs directory\n",
    });
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(point);
  } finally {
    server.close();
  }
});

const LOOK = (point: string) => `ls ${point}; cat ${point}/${FILE.name}; grep ${point} /proc/self/mounts`;

test('an instance with UMLFS serves its files on the host', async () => {
  const { home, point } = place();
  const instance = umlfsInstance(home, 'debian', 'serves');
  try {
    const script = `"$@" debian ${point} -o ro,noatime -oallow_other && ${LOOK(point)}; umount ${point}`;
    expect(await inNamespace(script, home)).toMatchObject({
      status: 0,
      stdout:
        `OK mounted\n${FILE.name}\n${FILE.text}` +
        `debian ${point} fuse.umlfs ro,nosuid,nodev,noatime,user_id=0,group_id=0,allow_other 0 0\n`,
      stderr: '',
    });
    await instance.unmounted; // its descriptor was the only one
    const [asked, given] = instance.requests;
    expect(asked).toEqual({ command: 'umlfs', descriptors: 0 });
    expect(given).toEqual({ command: expect.stringMatching(/^umlfs \d+$/), descriptors: 1 });
  } finally {
    instance.close();
  }
});

test('a user without privileges mounts by fusermount', async () => {
  const { home, point } = place();
  const instance = umlfsInstance(home, 'debian', 'serves');
  try {
    // as on a desktop, where /dev/fuse is for everybody: in this namespace only
    const script = `mknod -m 666 ${home}/fuse c 10 229 && mount --bind ${home}/fuse /dev/fuse && chown -R 65534:65534 ${home}
      exec ${asNobody('sh', '-c').join(' ')} '"$@" debian ${point} && ${LOOK(point)}; fusermount3 -u ${point}' sh "$@"`;
    expect(await inNamespace(script, home)).toMatchObject({
      stdout:
        `OK mounted\n${FILE.name}\n${FILE.text}` +
        `debian ${point} fuse.umlfs rw,nosuid,nodev,relatime,user_id=65534,group_id=65534 0 0\n`,
      stderr: '',
      status: 0,
    });
    await instance.unmounted;
  } finally {
    instance.close();
  }
});

test('an instance that refuses leaves no mount', async () => {
  const { home, point } = place();
  const instance = umlfsInstance(home, 'debian', 'refuses');
  try {
    expect(await inNamespace(`"$@" debian ${point}; grep -c ${point} /proc/self/mounts`, home)).toMatchObject({
      stdout: 'ERR There is no descriptor that I take\n0\n',
      stderr: '',
    });
    expect(instance.requests.map(({ descriptors }) => descriptors)).toEqual([0, 1]);
  } finally {
    instance.close();
  }
});

test('a signal while the instance is silent leaves no mount', async () => {
  const { home, point } = place();
  const instance = umlfsInstance(home, 'debian', 'keeps silent');
  try {
    const script = `"$@" debian ${point} & until grep -q ${point} /proc/self/mounts; do sleep 0.05; done
      kill $!; wait $!; echo $?; grep -c ${point} /proc/self/mounts`;
    expect(await inNamespace(script, home)).toMatchObject({
      stdout: '143\n0\n',
      stderr: 'Terminated\n', // the shell's
    });
  } finally {
    instance.close();
  }
});

test('what is put in the place of the mount point meanwhile is left alone', async () => {
  const { home, point } = place();
  const instance = umlfsInstance(home, 'debian', 'keeps silent');
  const [outer, other] = [join(home, 'outer'), join(home, 'other')];
  mkdirSync(join(outer, 'mnt'), { recursive: true });
  mkdirSync(other);
  try {
    const script = `mount -t tmpfs precious ${point}
      "$@" debian ${outer}/mnt & until grep -q ${outer} /proc/self/mounts; do sleep 0.05; done
      mv ${outer} ${other}; mkdir ${outer}; ln -s ${point} ${outer}/mnt
      kill $!; wait $!; grep ${home} /proc/self/mounts | cut -d' ' -f1,2`;
    expect(await inNamespace(script, home)).toMatchObject({ stdout: `precious ${point}\n`, status: 0 });
  } finally {
    instance.close();
  }
});

test.each([
  ['/nonexistent', 'No such file or directory'],
  ['/etc/passwd', 'Not a directory'],
])('%s can not be mounted at', async (point, reason) => {
  const { home } = place();
  const instance = umlfsInstance(home, 'debian', 'serves');
  try {
    expect(await runTool('uml_mount', ['debian', point], { env: { HOME: home } })).toEqual(
      failure(`fuse: bad mount point \`${point}': ${reason}\n`),
    );
  } finally {
    instance.close();
  }
});
