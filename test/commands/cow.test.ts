import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, utimesSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openDisk } from '../../src/lib/cow/index.ts';
import { MTIME, makeCow, makeHole, makeImage } from '../lib/cow/images.ts';
import { runTool, spawnTool, temporaryDirectory } from '../support/run.ts';

let cwd: string;
let model: Buffer;
const at = (name: string) => join(cwd, name);
beforeEach(() => {
  cwd = temporaryDirectory();
  model = makeImage(at('disk'), 1 << 20);
  const ours = Buffer.alloc(512, 'x');
  makeCow(at('dc'), { layout: 'v3', size: 1 << 20, backing: at('disk') }, new Map([3, 4, 2047].map((i) => [i, ours])));
});
const cow = (...args: string[]) => runTool('cow', args, { cwd });
const printed = (stdout: string, status = 0) => ({ status, signal: null, stdout, stderr: '' });
const failed = (stderr: string, status = 1) => ({ status, signal: null, stdout: '', stderr });

describe('what looks at images', () => {
  test('info, for people and as JSON, with the files below', async () => {
    const [text, asJson] = await Promise.all([cow('info', 'dc'), cow('info', '--json', 'dc')]);
    const { allocated } = JSON.parse(asJson.stdout) as { allocated: number };
    expect(allocated).toBe(statSync(at('dc')).blocks * 512);
    expect(text).toEqual(
      printed(
        [
          'dc',
          '  format:         COW version 3',
          '  size:           1048576 bytes (1 MiB)',
          `  file:           1060864 bytes, ${allocated / 1024} KiB on the disk`,
          '  held here:      3 of 2048 sectors of 512 bytes (0.1 %)',
          `  backing file:   ${at('disk')}`,
          '  its time:       1130814229 (2005-11-01T03:03:49.000Z)',
          at('disk'),
          '  format:         plain image',
          '  size:           1048576 bytes (1 MiB)',
          '  file:           1048576 bytes, 1 MiB on the disk',
          '',
        ].join('\n'),
      ),
    );
    expect(JSON.parse(asJson.stdout)).toMatchObject({
      file: 'dc',
      format: 'v3',
      size: 1 << 20,
      dirtySectors: 3,
      backingFile: at('disk'),
      backing: { format: 'raw', size: 1 << 20 },
    });
  });

  test('info of an image in use names the process, and a wrong backing file', async () => {
    const disk = await openDisk({ file: at('dc') }, () => {});
    const { stdout } = await cow('info', 'dc');
    await disk.close();
    expect(stdout).toContain(`  in use:         by process ${process.pid}\n`);
    utimesSync(at('disk'), 5, 5);
    expect((await cow('info', 'dc')).stdout).toContain(
      '  problem:        mtime mismatch (1130814229 vs 5) of COW header',
    );
  });

  test('map', async () => {
    const lines = ['0 1536 backing 0', '1536 1024 cow 13824', '2560 1045504 backing 2560', '1048064 512 cow 1060352'];
    expect(await cow('map', 'dc')).toEqual(printed(`${lines.join('\n')}\n`));
    expect(JSON.parse((await cow('map', 'dc', '--json')).stdout)[1]).toEqual({
      offset: 1536,
      length: 1024,
      from: 'cow',
      at: 13824,
    });
  });

  test('check says what is wrong by its status, and repairs', async () => {
    expect(await cow('check', 'dc')).toEqual(printed(''));
    const bytes = readFileSync(at('dc'));
    bytes[3000] = 1;
    writeFileSync(at('dc'), bytes);
    const line =
      "dirty-name: something is left behind the backing file's name, as old programs leave their memory there";
    expect(await cow('check', 'dc')).toEqual(printed(`${line}\n`, 3));
    expect(await cow('check', '--repair', 'dc')).toEqual(printed(`${line}; repaired\n`));
    expect(await cow('check', '--json', 'dc')).toEqual(printed('[]\n'));
  });

  test('diff', async () => {
    expect(await cow('diff', 'dc', 'disk')).toEqual(printed('1536 1024\n1048064 512\n', 3));
    expect(await cow('diff', '--json', 'dc', 'dc')).toEqual(printed('[]\n'));
  });
});

describe('what makes and changes images', () => {
  test('create, with and without a size', async () => {
    expect(await cow('create', 'new', 'disk')).toEqual(printed(''));
    expect(await cow('create', 'second', 'back', '--size', '8G')).toEqual(printed(''));
    expect(statSync(at('back'))).toMatchObject({ size: 8 * 2 ** 30, blocks: 0 });
    expect((await cow('diff', 'second', 'back')).status).toBe(0);
    expect(await cow('create', 'dc', 'fresh', '--size', '1M')).toEqual(failed('uml cow: dc: File exists\n'));
    expect(existsSync(at('fresh'))).toBe(false);
    expect((await cow('create', 'upper', 'dc')).stderr).toContain('"dc" is a COW file');
    expect(existsSync(at('upper'))).toBe(false);
    expect(await cow('create', 'third', 'disk', '--size', '1M')).toMatchObject({ status: 1 });
    expect(readFileSync(at('disk')).equals(model)).toBe(true);
  });

  test('convert to a plain image and back, compact', async () => {
    expect(await cow('convert', 'dc', 'raw')).toEqual(printed(''));
    expect(await cow('convert', 'raw', 'again', '-b', 'disk')).toEqual(printed(''));
    expect((await cow('diff', 'dc', 'again')).status).toBe(0);
    expect((await cow('convert', 'dc', 'raw')).stderr).toBe('uml cow: raw: File exists\n');
    expect((await cow('convert', 'dc', 'disk', '--force')).stderr).toContain('is the same file as the backing file');
    expect(await cow('convert', 'dc', 'raw', '-f')).toEqual(printed(''));
    chmodSync(at('dc'), 0o600);
    expect(await cow('compact', 'dc')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^dc: \d+ KiB on the disk before, \d+ KiB now\n$/),
    });
    expect(statSync(at('dc')).mode & 0o777).toBe(0o600);
    expect((await cow('diff', 'dc', 'raw')).status).toBe(0);
  });

  test('rebase: to another file, moving it, and mending its time', async () => {
    const image = createHash('sha256').update(model).digest('hex');
    expect(await cow('rebase', '--move', 'dc', 'moved')).toEqual(
      printed(
        `dc: its backing file is now ${at('moved')}; other COW files over it need \`uml cow rebase COW ${at('moved')}\`\n`,
      ),
    );
    expect(existsSync(at('disk'))).toBe(false);
    expect(
      createHash('sha256')
        .update(readFileSync(at('moved')))
        .digest('hex'),
    ).toBe(image);
    utimesSync(at('moved'), 5, 5);
    expect(await cow('convert', 'dc', 'raw')).toEqual(
      failed(
        `uml cow: mtime mismatch (${MTIME} vs 5) of COW header vs backing file "${at('moved')}"; if it is the right file unchanged, \`uml cow rebase --touch\` mends the time\n`,
      ),
    );
    expect(await cow('rebase', 'dc', '--touch')).toEqual(
      printed(`${at('moved')}: modification time 5 before, ${MTIME} now\n`),
    );
    writeFileSync(at('copy'), model);
    expect(await cow('rebase', 'dc', 'copy')).toEqual(
      printed('dc: its backing file is now copy; 0 bytes of the old one were copied into it\n'),
    );
    expect((await cow('diff', 'dc', 'copy')).stdout).toBe('1536 1024\n1048064 512\n');
  });

  test('files in use: status 4 and nothing is touched', async () => {
    const disk = await openDisk({ file: at('dc') }, () => {});
    const inUse = failed(`uml cow: "dc" is in use by process ${process.pid}\n`, 4);
    expect(
      await Promise.all([['compact'], ['check', '--repair'], ['rebase', '--touch']].map((w) => cow(...w, 'dc'))),
    ).toEqual([inUse, inUse, inUse]);
    await disk.close();
  });

  test('SIGINT while it works ends it by that signal, and the old file stays', async () => {
    const size = 2 ** 36;
    makeHole(at('disk'), size);
    makeCow(at('dc'), { layout: 'v3', size, backing: at('disk') }, new Map());
    const watcher = watch(cwd);
    const child = spawnTool('cow', ['compact', 'dc'], { cwd });
    // it works when its new file is there
    await once(watcher, 'change');
    watcher.close();
    child.signal('SIGINT');
    expect(await child.exit()).toMatchObject({ status: null, signal: 'SIGINT', stderr: '' });
    expect(readdirSync(cwd).sort()).toEqual(['dc', 'disk']);
  });
});

test('wrong words are one line and status 2; help is no error', async () => {
  const wrong = [
    '',
    'nosuch',
    'info',
    'info a b',
    'info --bogus a',
    'rebase dc',
    'rebase dc a --touch',
    'create a b --size 1X',
  ];
  const outcomes = await Promise.all(wrong.map((words) => cow(...words.split(' ').filter(Boolean))));
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 2, stdout: '' });
    expect(outcome.stderr).toMatch(/^uml cow: [^\n]*; see uml cow --help\n$/);
  }
  expect(await cow('--help')).toMatchObject({ status: 0, stderr: '' });
  expect((await cow('rebase', '--help')).stdout).toContain('--touch');
  expect(readdirSync(cwd).sort()).toEqual(['dc', 'disk']);
});
