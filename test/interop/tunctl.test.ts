/** Our tunctl beside the C one: the same bytes and the same devices, each run in an empty network namespace. */
import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { networkNamespace } from '../support/namespace.ts';
import { asNobody } from '../support/nobody.ts';
import { runProgram, spawnProgram, temporaryDirectory, toolCommand } from '../support/run.ts';
import { sourceCommand } from '../support/source.ts';

const tuntap = new URL('../../src/lib/tuntap/index.ts', import.meta.url);

const c = (...args: string[]): string[] => ['tunctl', ...args];
const ours = (...args: string[]): string[] => toolCommand('tunctl', args);

interface Device {
  ifname: string;
  linkinfo?: { info_kind?: string; info_data?: { type: string; persist: boolean; user?: string; group?: string } };
}

interface Result {
  stdout: string;
  stderr: string;
  status: number;
  /** What the kernel says of the devices afterwards. */
  devices: unknown;
}

/** Runs a command in a new namespace in which the C tool has made devices, one for each list of words. */
async function result(command: string[], before: string[][], env: Record<string, string> = {}): Promise<Result> {
  const script = `${before.map((words) => `tunctl ${words.join(' ')} >/dev/null && `).join('')}{
    "$@"; echo "@@$?@@"; ip -d -j link show; }`;
  const { status, stdout, stderr } = await runProgram('unshare', ['--net', 'sh', '-c', script, 'sh', ...command], {
    env: { LANG: 'C', LC_ALL: 'C', POSIXLY_CORRECT: undefined, ...env },
  });
  const [, said = '', code, json = ''] = /^(.*)@@(\d+)@@\n(.*)$/s.exec(stdout) ?? [];
  expect(status).toBe(0);
  const devices = (JSON.parse(json) as Device[]).filter(({ linkinfo }) => linkinfo?.info_kind === 'tun');
  return {
    stdout: said,
    stderr,
    status: Number(code),
    devices: devices.map(({ ifname, linkinfo }) => ({ ifname, ...linkinfo?.info_data })),
  };
}

/** Runs both, and gives what came of it when it was the same. */
async function same(args: string[], before: string[][] = [], env: Record<string, string> = {}): Promise<Result> {
  const [theirs, mine] = await Promise.all([result(c(...args), before, env), result(ours(...args), before, env)]);
  expect({ args, ...mine }).toEqual({ args, ...theirs });
  return mine;
}

describe('the same output, status and devices', () => {
  test('creating', async () => {
    const made = { ifname: 'tap0', type: 'tap', persist: true, user: 'root' };
    expect(await same([])).toMatchObject({ status: 0, stderr: '', devices: [made] });
    await same(['-b'], [[]]);
    await same(['-t', 'jeffs-uml'], [['-t', 'jeffs-uml', '-u', '5', '-g', '6']]);
    await same(['-t', 'abcdefghijklmno', '-b']);
    await same(['-t', 'tst%d'], [['-t', 'tst0']]);
    await same(['-t', '']);
    await same(['-t', 'é']);
    await same(['-t', 'a', '-t', 'b', '-f', '/dev/net/tun']);
  });

  test('owners and groups', async () => {
    await same(['-u', 'nobody', '-t', 'own1']);
    await same(['-g', 'nogroup', '-t', 'grp1']);
    await same(['-u', '1000', '-g', '1001', '-u', '1002']);
    await same(['-g', '7', '-t', 'x'], [['-u', '5', '-g', '6', '-t', 'x']]);
    for (const number of ['0', '-5', '0x3E8', '01750', ' +12', '4294967291', '-2147483648']) await same(['-u', number]);
    for (const word of ['nosuchuser', '12ab', '12 ', '08', '0x', '-', ' ', '1e3', '0b1']) await same(['-u', word]);
    await same(['-g', 'nosuchgroup']);
  });

  test('deleting', async () => {
    expect((await same(['-d', 'tap0'], [[], []])).devices).toMatchObject([{ ifname: 'tap1' }]);
    await same(['-b', '-u', '1000', '-d', 'x'], [['-t', 'x']]);
    await same(
      ['-d', 'a', '-t', 'b'],
      [
        ['-t', 'a'],
        ['-t', 'b'],
      ],
    );
    await same(['-d', 'a', 'b'], [['-t', 'a']]);
    await same(['-d', 'lo']);
  });

  test('words that are wrong', async () => {
    for (const args of [
      ['-d'],
      ['-bt'],
      ['-h'],
      ['-h', 'extra'],
      ['--nosuch'],
      ['-x'],
      ['-:'],
      ['-'],
      ['-é'],
      ['foo'],
    ]) {
      await same(args);
    }
    await same(['-u', 'nosuchuser', '-x']);
    await same(['-x', '-u', 'nosuchuser']);
    await same(['foo', '-x']);
    await same(['foo', '-x'], [], { POSIXLY_CORRECT: '' });
    await same(['--', '-b']);
    await same(['-b', '--']);
    await same(['-bu', 'root', '-tx']);
  });

  test('what the kernel or the file system refuses', async () => {
    for (const name of ['a/b', 'a b', 'a:b', '.', '%s', 'a%d%d', 'lo']) await same(['-t', name]);
    for (const file of ['/dev/nosuch', '/dev/null', '/', '']) await same(['-f', file]);
  });

  test('without the right to it', async () => {
    const clone = join(temporaryDirectory(), 'tun');
    chmodSync(dirname(clone), 0o755);
    expect((await runProgram('mknod', ['-m', '666', clone, 'c', '10', '200'])).stderr).toBe('');
    const before = [
      ['-t', 'roots'],
      ['-t', 'own', '-u', '65534'],
      ['-t', 'shared', '-g', '65534'],
    ];
    const texts: string[] = [];
    for (const args of [
      ['-t', 'roots'],
      ['-b', '-f', clone],
      ['-d', 'roots', '-f', clone],
      ['-t', 'own', '-f', clone],
      ['-d', 'shared', '-f', clone],
    ]) {
      const [theirs, mine] = await Promise.all([
        result(asNobody(...c(...args)), before),
        result(asNobody(...ours(...args)), before),
      ]);
      expect(mine).toEqual(theirs);
      texts.push(mine.stdout + mine.stderr);
    }
    expect(texts).toEqual([
      "Failed to open '/dev/net/tun' : Permission denied\n",
      'TUNSETIFF: Operation not permitted\n',
      'TUNSETIFF: Operation not permitted\n',
      "Set 'own' persistent and owned by uid 65534\n",
      "Set 'shared' nonpersistent\n",
    ]);
  });
});

test('a device that a program has open is busy for both', async () => {
  const { inside } = await networkNamespace();
  const [file, ...words] = inside(
    ...sourceCommand(tuntap, `it.attachTap('busy0'); console.log('open'); setInterval(() => {}, 1e6);`),
  );
  await spawnProgram(file, words).waitFor('open');
  for (const command of [c('-t', 'busy0'), ours('-t', 'busy0'), c('-d', 'busy0'), ours('-d', 'busy0')]) {
    const [file, ...words] = inside(...command);
    expect(await runProgram(file, words)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'TUNSETIFF: Device or resource busy\n',
    });
  }
});

test('each sees, takes over and deletes what the other has made', async () => {
  const { inside } = await networkNamespace();
  const run = async (...command: string[]): Promise<string> => {
    const [file, ...words] = inside(...command);
    const { status, stdout, stderr } = await runProgram(file, words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  };
  expect(await run(...c('-b', '-u', '1000'))).toBe('tap0\n');
  expect(await run(...ours('-b', '-u', '1001'))).toBe('tap1\n');
  expect(await run(...c('-t', 'tap1', '-g', '7'))).toBe("Set 'tap1' persistent and owned by gid 7\n");
  expect(await run(...ours('-t', 'tap0', '-u', '1002'))).toBe("Set 'tap0' persistent and owned by uid 1002\n");
  const list = (await run(...ours('--list', '--json'))).trimEnd().split('\n');
  expect(list.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { name: 'tap0', owner: { uid: 1002 }, group: null },
    { name: 'tap1', owner: { uid: 1001 }, group: { gid: 7 } },
  ]);
  expect(await run(...ours('-d', 'tap0'))).toBe("Set 'tap0' nonpersistent\n");
  expect(await run(...c('-d', 'tap1'))).toBe("Set 'tap1' nonpersistent\n");
  expect(await run(...ours('--list', '--json'))).toBe('');
});
