/** A copy of the binary with a capability: what its callers can’t make it do. Most ways are first shown to work without. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  constants as flags,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { closeFd, hasCode, unixSocketPair } from '../../src/lib/os/index.ts';
import { type NetworkNamespace, networkNamespace } from '../support/namespace.ts';
import { root, runProgram, spawnProgram, temporaryDirectory } from '../support/run.ts';
import { asMember, callHelper, capableCopy, NOBODY } from '../support/uml-net.ts';

const plain = join(root, 'dist/bin/uml');
let directory: string;
let copy: string;
/** What only the members' programs write into. */
let own: string;
let namespace: NetworkNamespace;

beforeAll(async () => {
  directory = await capableCopy();
  copy = join(directory, 'uml_net');
  own = join(directory, 'own');
  mkdirSync(own);
  chownSync(own, NOBODY, NOBODY);
  namespace = await networkNamespace();
});

/** Runs a program as the member of the group that may run the copy. */
function run(command: readonly string[], env: Record<string, string> = {}) {
  const [file, ...words] = namespace.inside(...asMember(...command));
  return callHelper('dgram', [file, ...words], { program: 'as given', env });
}

const makeTap = (program: string): string[] => [
  program,
  ...(program === plain ? ['uml_net'] : []),
  '4',
  'tuntap',
  'up',
  '',
];

test('the copy has the capability, and others have not', async () => {
  const tun = join(own, 'tun');
  await runProgram('mknod', ['-m', '666', tun, 'c', '10', '200']);
  const bind = ['unshare', '--mount', 'sh', '-c', `mount --bind ${tun} /dev/net/tun && exec "$@"`, 'sh'];
  const call = (program: string) => {
    const [file, ...words] = namespace.inside(...bind, ...asMember(...makeTap(program)));
    return callHelper('dgram', [file, ...words], { program: 'as given' });
  };
  const { messages } = await call(copy);
  expect(messages[0]?.text.replaceAll('\0', '')).toMatch(/^tap0\* modprobe tun\n/);
  expect(messages[0]?.descriptors).toHaveLength(1);
  for (const fd of messages[0]?.descriptors ?? []) closeFd(fd);
  const refused = await call(plain);
  expect(refused.messages[0]?.text).toBe('* modprobe tun\nTUNSETIFF : : Operation not permitted\n\0');
});

test('it runs uml_net only, whatever it is called', async () => {
  const refusal = { status: 1, text: '', stderr: 'uml: a copy with capabilities of its own runs uml_net only\n' };
  for (const name of ['uml', 'linux', 'uml_switch', 'tunctl', '']) {
    const words = ['bash', '-c', 'exec -a "$0" "$@"', name, copy, '--help'];
    expect(await run(words)).toMatchObject(refusal);
  }
  expect(await run([copy, '5', 'x'])).toMatchObject({ stderr: expect.stringContaining('Version mismatch') });
  const byWord = await run(['bash', '-c', 'exec -a uml "$@"', 'bash', copy, 'uml_net', '5', 'x']);
  expect(byWord.stderr).toContain('Version mismatch');
  expect(
    await run(['bash', '-c', 'exec -a uml "$@"', 'bash', copy, 'uml_switch', '-unix', join(own, 'ctl')]),
  ).toMatchObject(refusal);
});

describe('the environment', () => {
  /** Whether something was done by whom the environment names. */
  async function does(program: string, env: Record<string, string>, proof: string): Promise<boolean> {
    rmSync(proof, { force: true, recursive: true });
    await run([program, ...(program === plain ? ['uml_net'] : []), '5', 'x'], env);
    return existsSync(proof);
  }

  test('NODE_OPTIONS loads no code', async () => {
    const [script, proof] = [join(directory, 'evil.cjs'), join(own, 'proof')];
    writeFileSync(script, `require('fs').writeFileSync('${proof}', '')`);
    const env = { NODE_OPTIONS: `--require ${script}` };
    expect([await does(plain, env, proof), await does(copy, env, proof)]).toEqual([true, false]);
  });

  test('LD_PRELOAD loads no library', async () => {
    const [source, library, proof] = [join(directory, 'evil.c'), join(directory, 'evil.so'), join(own, 'proof')];
    writeFileSync(
      source,
      `#include <fcntl.h>\n__attribute__((constructor)) void f(void) { open("${proof}", O_CREAT, 0600); }\n`,
    );
    execFileSync('gcc', ['-shared', '-fPIC', '-o', library, source]);
    const env = { LD_PRELOAD: library };
    // setpriv would load it too, so the member's own shell sets it
    const loads = async (program: string): Promise<boolean> => {
      rmSync(proof, { force: true });
      await run(['env', `LD_PRELOAD=${env.LD_PRELOAD}`, program, '5', 'x']);
      return existsSync(proof);
    };
    expect([await loads(plain), await loads(copy)]).toEqual([true, false]);
  });

  test('no directory of its choice holds the addon that is loaded', async () => {
    // All others are of no use; /mnt is where the two programs are to be found in there, wherever the clone is.
    mkdirSync(join(directory, 'plain'));
    writeFileSync(join(directory, 'plain/uml_net'), ''); // a mount point: the program goes by its name
    const shown = `mount --bind ${directory} /mnt && mount --bind ${plain} /mnt/plain/uml_net`;
    const hide = `${shown} && for at in /dev/shm /tmp /var/tmp; do mount -t tmpfs -o noexec none $at; done && exec "$@"`;
    const call = async (program: string): Promise<string> => {
      const [file, ...words] = namespace.inside(
        'unshare',
        '--mount',
        'sh',
        '-c',
        hide,
        'sh',
        ...asMember(...makeTap(program)),
      );
      const env = { XDG_RUNTIME_DIR: '/mnt/own', TMPDIR: '/mnt/own' };
      const { text, stderr } = await callHelper('dgram', [file, ...words], { program: 'as given', env });
      return text + stderr;
    };
    expect(await call('/mnt/plain/uml_net')).toMatch(/^\* modprobe tun\n/);
    expect(await call('/mnt/uml_net')).toBe(
      "uml: none of /dev/shm, /tmp, /var/tmp can hold a program's unnamed file\n",
    );
  });

  test('NODE_CHANNEL_FD: nobody is listened to', async () => {
    const [here, there] = unixSocketPair('stream');
    const [file, ...words] = asMember('env', 'NODE_CHANNEL_FD=0', 'NODE_UNIQUE_ID=1', copy, '5', 'x');
    const { status, stderr } = await callHelper('stream', [file, ...words], { program: 'as given', line: there });
    for (const fd of [here, there]) closeFd(fd);
    expect([status, stderr]).toEqual([1, expect.stringContaining('Version mismatch')]);
  });
});

test('SIGUSR1, which its caller may send, opens no debugger', async () => {
  /** Whether it has a handler for the signal, as Node has for its debugger. */
  const listens = (pid: number | 'self'): boolean => {
    const [, caught = ''] = /^SigCgt:\t(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (BigInt(`0x${caught}`) & (1n << BigInt(constants.signals.SIGUSR1 - 1))) !== 0n;
  };
  expect(listens('self')).toBe(true);

  // It is looked at while it writes into a pipe that is full.
  const pipe = join(temporaryDirectory(), 'pipe');
  await runProgram('mkfifo', [pipe]);
  const end = openSync(pipe, flags.O_RDWR | flags.O_NONBLOCK);
  const filling = fill(end);
  const stdout = openSync(pipe, 'w');
  const [file, ...words] = asMember(copy, '4', 'tuntap');
  const child = spawnProgram(file, words, { stdout });
  closeSync(stdout);
  await until(() => readFileSync(`/proc/${child.pid}/syscall`, 'utf8').startsWith('1 0x1 ')); // write(1, …)
  expect(listens(child.pid)).toBe(false);
  const [kill, ...signal] = asMember('kill', '-USR1', String(child.pid));
  expect((await runProgram(kill, signal)).status).toBe(0);
  expect(readSync(end, Buffer.alloc(filling))).toBe(filling);
  expect(await child.exit()).toMatchObject({ status: 1, stderr: '' });
  closeSync(end);
});

test('set-uid root, it refuses', async () => {
  const setuid = join(directory, 'setuid', 'uml_net');
  mkdirSync(join(directory, 'setuid'));
  copyFileSync(plain, setuid);
  chmodSync(setuid, 0o4755);
  expect(await run([setuid, '4', 'tuntap', 'up', ''])).toMatchObject({
    status: 1,
    text: '',
    stderr: 'uml_net : never set-uid root: it needs CAP_NET_ADMIN only, see uml_net(8)\n',
  });
});

/** The bytes that fit. */
function fill(fd: number): number {
  for (let bytes = 0; ; ) {
    try {
      bytes += writeSync(fd, Buffer.alloc(4096));
    } catch (error) {
      if (hasCode(error, 'EAGAIN')) return bytes;
      throw error;
    }
  }
}

/** Nothing tells when a process waits in a system call; it is looked at until it does. */
async function until(test: () => boolean): Promise<void> {
  while (!test()) await new Promise((resolve) => setTimeout(resolve, 10));
}
