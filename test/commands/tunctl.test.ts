/** What our tunctl does otherwise than the C one, or beyond it; test/interop/tunctl.test.ts holds what is the same. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type NetworkNamespace, networkNamespace } from '../support/namespace.ts';
import { asNobody } from '../support/nobody.ts';
import { type Child, type Outcome, runProgram, runTool, spawnProgram, toolCommand } from '../support/run.ts';
import { sourceCommand } from '../support/source.ts';

const tuntap = new URL('../../src/lib/tuntap/index.ts', import.meta.url);
const done = { status: 0, signal: null, stdout: '', stderr: '' };
const failed = { ...done, status: 1 };

let namespace: NetworkNamespace;
beforeEach(async () => {
  namespace = await networkNamespace();
});

function tunctl(...args: string[]): Promise<Outcome> {
  const [file, ...words] = namespace.inside(...toolCommand('tunctl', args));
  return runProgram(file, words);
}

async function list(): Promise<Record<string, unknown>[]> {
  const { stdout, ...rest } = await tunctl('--list', '--json');
  expect({ ...rest, stdout: '' }).toEqual(done);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A program that attaches as this code says, and stays. */
async function holder(code: string): Promise<Child> {
  const [file, ...words] = namespace.inside(
    ...sourceCommand(tuntap, `${code}\nconsole.log('open'); setInterval(() => {}, 1e6);`),
  );
  const child = spawnProgram(file, words);
  await child.waitFor('open');
  return child;
}

describe('what the C tool does wrong', () => {
  test('ids that stand for nobody are refused', async () => {
    for (const [option, text] of [
      ['-u', 'username nor a numeric uid'],
      ['-g', 'groupname nor a numeric group'],
    ] as const) {
      for (const id of ['', '-1', '4294967295', '4294967296', '-2147483649', '99999999999999999999']) {
        const { stderr, ...rest } = await tunctl(option, id);
        expect(rest).toEqual({ status: 1, signal: null, stdout: '' });
        expect(stderr.split('\n')[0]).toBe(`'${id}' is neither a ${text}.`);
      }
    }
    expect(await list()).toEqual([]);
  });

  test('a name that is too long is refused, not cut', async () => {
    const name = 'abcdefghijklmnop';
    await tunctl('-t', name.slice(0, 15));
    const refusal = {
      ...failed,
      stderr: `'${name}' is too long for the name of a device: 15 bytes at most\n`,
    };
    expect(await tunctl('-t', name)).toEqual(refusal);
    expect(await tunctl('-d', name)).toEqual(refusal);
    expect((await tunctl('-t', 'éééééééé')).status).toBe(1);
    expect(await list()).toHaveLength(1);
    expect((await tunctl('-d', name.slice(0, 15))).status).toBe(0);
    expect(await list()).toEqual([]);
  });

  test('a device that is not there can not be deleted, and is not made for it', async () => {
    for (const name of ['nosuch', '', 'tap%d']) {
      expect(await tunctl('-d', name)).toEqual({ ...failed, stderr: `Failed to delete '${name}' : No such device\n` });
    }
    await tunctl();
    expect(await list()).toMatchObject([{ name: 'tap0', index: 2 }]);
  });

  test('an owner or group that can not be set is told by its name, and leaves no device', async () => {
    for (const [option, request] of [
      ['-u', 'TUNSETOWNER'],
      ['-g', 'TUNSETGROUP'],
    ] as const) {
      const script = '"$@"; echo $?; ip -o link';
      const [file, ...words] = toolCommand('tunctl', [option, '1000', '-t', 'gone']);
      const args = ['--map-root-user', '--net', 'sh', '-c', script, 'sh', file, ...words]; // user 1000 is not mapped
      const { stdout, stderr } = await runProgram('unshare', args);
      expect(stderr).toBe(`${request}: Invalid argument\n`);
      expect(stdout).toMatch(/^1\n1: lo: [^\n]*\n$/);
    }
  });
});

describe('TUN devices', () => {
  test('-n makes one, -p a TAP, the later one counts; both are deleted by name alone', async () => {
    expect(await tunctl('-n', '-u', '0')).toEqual({ ...done, stdout: "Set 'tun0' persistent and owned by uid 0\n" });
    expect((await tunctl('-bn', '-p')).stdout).toBe('tap0\n');
    expect((await tunctl('-t', 'tun7')).status).toBe(0); // a name decides nothing
    expect(await list()).toMatchObject([
      { name: 'tun0', mode: 'tun' },
      { name: 'tap0', mode: 'tap' },
      { name: 'tun7', mode: 'tap' },
    ]);
    for (const name of ['tun0', 'tap0', 'tun7']) {
      expect(await tunctl('-d', name)).toEqual({ ...done, stdout: `Set '${name}' nonpersistent\n` });
    }
    expect(await list()).toEqual([]);
  });

  test('a device keeps its kind', async () => {
    await tunctl('-n', '-t', 'x');
    expect(await tunctl('-t', 'x')).toEqual({ ...failed, stderr: 'TUNSETIFF: Invalid argument\n' });
  });
});

describe('the list', () => {
  test('tells what each device is, and who has it open', async () => {
    await tunctl('-t', 'idle', '-u', 'nobody', '-g', '4242');
    await tunctl('-t', 'multi', '--multi-queue', '--vnet-hdr');
    await tunctl('-t', 'used', '-n');
    const options = '{ multiQueue: true, vnetHeader: true }';
    const { pid } = await holder(
      `it.attachTap('multi', ${options}); it.attachTap('multi', ${options}); it.attachTun('used'); it.attachTap('passing');`,
    );
    const common = { persistent: true, multiQueue: false, queues: null, vnetHeader: false, packetInfo: false };
    const closed = { carrier: false, inUse: false, processes: [] };
    const open = { carrier: true, inUse: true, processes: [pid] };
    const root = { owner: { uid: 0, name: 'root' }, group: null };
    expect(await list()).toEqual([
      {
        ...{ name: 'idle', index: 2, mode: 'tap', ...common, ...closed },
        ...{ owner: { uid: 65534, name: 'nobody' }, group: { gid: 4242, name: null } },
      },
      {
        name: 'multi',
        index: 3,
        mode: 'tap',
        ...common,
        ...root,
        ...open,
        multiQueue: true,
        queues: 2,
        vnetHeader: true,
      },
      { name: 'used', index: 4, mode: 'tun', ...common, ...root, ...open },
      { name: 'passing', index: 5, mode: 'tap', ...common, ...open, persistent: false, owner: null, group: null },
    ]);
    const table = await tunctl('--list');
    expect(table).toMatchObject({ status: 0, stderr: '' });
    expect(table.stdout).toBe(`\
NAME     MODE  OWNER   GROUP  PERSISTENT  QUEUES         VNET-HDR  CARRIER  IN USE
idle     tap   nobody  4242   yes         one            no        off      no
multi    tap   root    -      yes         multi, 2 open  yes       on       by ${pid}
used     tun   root    -      yes         one            no        on       by ${pid}
passing  tap   -       -      no          one            no        on       by ${pid}
`);
  });

  test('needs no privilege, and no devices', async () => {
    const [file, ...words] = namespace.inside(...asNobody(...toolCommand('tunctl', ['--list'])));
    const headings = 'NAME  MODE  OWNER  GROUP  PERSISTENT  QUEUES  VNET-HDR  CARRIER  IN USE\n';
    expect(await runProgram(file, words)).toEqual({ ...done, stdout: headings });
    await holder(`it.createDevice({ name: 'a' }); it.attachTap('a');`);
    const outcome = await runProgram(file, words);
    expect(outcome.stdout).toMatch(/^a +tap .* on +yes$/m); // by whom, only root is told
  });
});

test('--multi-queue: several programs have the device open, and it goes with the last', async () => {
  expect((await tunctl('-bt', 'mq', '--multi-queue')).stdout).toBe('mq\n');
  const first = await holder(`it.attachTap('mq', { multiQueue: true });`);
  const second = await holder(`it.attachTap('mq', { multiQueue: true });`);
  expect(await tunctl('-d', 'mq')).toEqual({ ...done, stdout: "Set 'mq' nonpersistent\n" });
  await first.kill();
  expect(await list()).toMatchObject([{ name: 'mq', persistent: false, queues: 1, processes: [second.pid] }]);
  await second.kill();
  expect(await list()).toEqual([]);
});

describe('--carrier', () => {
  test('unplugs the cable of a device in use, and plugs it in', async () => {
    await tunctl('-t', 'guest');
    await holder(`it.attachTap('guest');`);
    expect(await tunctl('--carrier', 'off', '-t', 'guest')).toEqual(done);
    expect(await list()).toMatchObject([{ carrier: false, inUse: true }]);
    expect(await tunctl('-t', 'guest', '--carrier=on')).toEqual(done);
    expect(await list()).toMatchObject([{ carrier: true, inUse: true }]);
  });

  test('of a device that nobody has open, or that is not there, says why not', async () => {
    await tunctl('-t', 'idle');
    const failure = 'Failed to set the carrier of';
    expect((await tunctl('--carrier', 'on', '-t', 'idle')).stderr).toBe(`${failure} 'idle' : no program has it open\n`);
    expect((await tunctl('--carrier', 'on', '-t', 'none')).stderr).toBe(`${failure} 'none' : No such device\n`);
    expect(await list()).toHaveLength(1);
    await holder(`it.attachTap('idle');`);
    const [file, ...words] = namespace.inside(
      ...asNobody(...toolCommand('tunctl', ['--carrier', 'off', '-t', 'idle'])),
    );
    expect((await runProgram(file, words)).stderr).toBe(`${failure} 'idle' : Operation not permitted\n`);
  });
});

test('our own options, wrongly used, are one line and change nothing', async () => {
  for (const [words, line] of [
    [['--list', '-t', 'x'], '-t does not go with --list'],
    [['--json'], '--json goes with --list'],
    [['--list=yes'], "invalid option -- '-'"],
    [['--carrier'], "option '--carrier' requires an argument"],
    [['--carrier', 'up', '-t', 'x'], "--carrier is on or off, not 'up'"],
    [['--carrier', 'on'], '--carrier needs -t device-name'],
    [['--carrier', 'on', '-d', 'x'], '-d does not go with --carrier'],
    [['-d', 'x', '--multi-queue'], '--multi-queue does not go with -d'],
  ] as const) {
    const { status, stdout, stderr } = await tunctl(...words);
    expect({ status, stdout, line: stderr.split('\n')[0] }).toEqual({ status: 1, stdout: '', line: `tunctl: ${line}` });
  }
  expect(await list()).toEqual([]);
});

test('a name that is no UTF-8 is refused, not changed', async () => {
  for (const option of ['-t', '-d']) {
    const [file, ...words] = namespace.inside(
      'sh',
      '-c',
      `"$@" ${option} "$(printf '\\377')"`,
      'sh',
      ...toolCommand('tunctl', []),
    );
    const stderr = "tunctl: '\ufffd' is no name of a device: it must be UTF-8\n";
    expect(await runProgram(file, words)).toEqual({ ...failed, stderr });
  }
  expect(await list()).toEqual([]);
});

test('--help tells of every option, on standard output', async () => {
  const { status, stdout, stderr } = await runTool('tunctl', ['--help']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  for (const option of [
    '-b',
    '-u',
    '-g',
    '-t',
    '-p',
    '-n',
    '-d',
    '-f',
    '--multi-queue',
    '--vnet-hdr',
    '--list',
    '--carrier',
  ]) {
    expect(stdout).toMatch(new RegExp(`^  ${option} `, 'm'));
  }
});
