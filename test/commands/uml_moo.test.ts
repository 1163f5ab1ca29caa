import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openDisk } from '../../src/lib/cow/index.ts';
import { MTIME, makeCow, makeImage } from '../lib/cow/images.ts';
import { root, runTool, spawnTool, temporaryDirectory } from '../support/run.ts';
import { onTerminal } from '../support/terminal.ts';

let cwd: string;
let merged: Buffer;
beforeEach(() => {
  cwd = temporaryDirectory();
  merged = makeImage(join(cwd, 'disk'), 1 << 20);
  const ours = new Map([0, 1, 7, 300, 2047].map((i) => [i, randomBytes(512)]));
  for (const [i, bytes] of ours) bytes.copy(merged, i * 512);
  makeCow(join(cwd, 'dc'), { layout: 'v3', size: 1 << 20, backing: join(cwd, 'disk') }, ours);
});
const moo = (...args: string[]) => runTool('uml_moo', args, { cwd });
const silent = { status: 0, signal: null, stdout: '', stderr: '' };
const failure = (stderr: string, stdout = '') => ({ status: 1, signal: null, stdout, stderr });
const isMerged = (file: string) => readFileSync(join(cwd, file)).equals(merged);

const USAGE = `uml_moo usage:
\tuml_moo [ -b <actual backing file> ] <COW file> <new backing file>
\tuml_moo [ -b <actual backing file> ] -d <COW file>
Creates a new filesystem image from the COW file and its backing file.
Specifying -d will cause a destructive, in-place merge of the COW file into
its current backing file
Specifying -b overrides the backing_file specified in the COW file.  This is
needed when dealing with a COW file that was created inside a chroot jail.
uml_moo supports version 1,2 and 3 COW files.
`;

describe('the words', () => {
  test('into a new file, with and without -b', async () => {
    expect(await moo('dc', 'out')).toEqual(silent);
    expect(isMerged('out')).toBe(true);
    writeFileSync(join(cwd, 'else'), readFileSync(join(cwd, 'disk')));
    utimesSync(join(cwd, 'else'), MTIME, MTIME);
    expect(await moo('-b', 'else', 'dc', 'out2')).toEqual(silent);
    expect(isMerged('out2')).toBe(true);
  });

  test.each([
    ['-d', 'dc'],
    ['-d', '-b', 'disk', 'dc'],
    ['-b', 'disk', '-d', 'dc'],
  ])('in place: %s %s %s %s', async (...args) => {
    expect(await moo(...args.filter((word) => word !== undefined))).toEqual(silent);
    expect(isMerged('disk')).toBe(true);
    // the COW file goes on to be good, and there is nothing more to do
    expect(await moo('-d', 'dc')).toEqual(silent);
    expect(await moo('dc', 'out')).toEqual(silent);
    expect(isMerged('out')).toBe(true);
  });

  test('--progress says what became of the COW file', async () => {
    expect(await moo('--progress', '-d', 'dc')).toEqual({
      ...silent,
      stderr: '100 %\numl_moo: "dc" is now empty, over the merged backing file\n',
    });
  });

  test('anything else is answered with the usage', async () => {
    const wrong = [
      '',
      '-d',
      '-b',
      '-b disk',
      'dc',
      'dc out more',
      '-d dc more',
      '-db disk dc',
      '-z dc',
      'dc -d',
      '--help',
    ];
    const outcomes = await Promise.all(wrong.map((words) => moo(...words.split(' ').filter(Boolean))));
    expect(outcomes).toEqual(wrong.map(() => failure(USAGE)));
    expect(readdirSync(cwd).sort()).toEqual(['dc', 'disk']);
  });
});

describe('errors', () => {
  test('files that are not there, or no COW files', async () => {
    expect(await moo('nosuch', 'out')).toEqual(failure('COW file open: No such file or directory\n'));
    expect(await moo('disk', 'out')).toEqual(failure('Reading COW header failed\n'));
    expect(await moo('/tmp', 'out')).toEqual(failure('Reading COW header failed\n'));
    expect(await moo('-b', 'nosuch', 'dc', 'out')).toEqual(
      failure('Stating backing file: No such file or directory\n'),
    );
    expect(await moo('dc', 'nodir/out')).toEqual(failure('Output file open: No such file or directory\n'));
    expect(readdirSync(cwd).sort()).toEqual(['dc', 'disk']);
  });

  test('a backing file of another size or time; --ignore-mtime takes it all the same', async () => {
    utimesSync(join(cwd, 'disk'), 1795448254, 1795448254);
    const line = `mtime mismatch (1130814229 vs 1795448254) of COW header vs backing file "${join(cwd, 'disk')}"\n`;
    expect(await moo('-d', 'dc')).toEqual(failure(line));
    expect(await moo('dc', 'out', '--ignore-mtime')).toEqual(silent);
    expect(isMerged('out')).toBe(true);
    truncateSync(join(cwd, 'disk'), 5242880);
    expect(await moo('-b', 'disk', '--ignore-mtime', 'dc', 'out')).toEqual(
      failure('Size mismatch (1048576 vs 5242880) of COW header vs backing file "disk"\n'),
    );
  });

  test('output that is an input is refused, and both are whole', async () => {
    expect(await moo('dc', 'disk')).toEqual(
      failure(`Output file open: "disk" is the same file as the backing file "${join(cwd, 'disk')}"\n`),
    );
    expect(await moo('dc', 'dc')).toEqual(failure('Output file open: "dc" is the same file as the COW file "dc"\n'));
    expect(await moo('dc', 'out')).toEqual(silent);
    expect(isMerged('out')).toBe(true);
  });

  test('damaged COW files', async () => {
    const whole = readFileSync(join(cwd, 'dc'));
    const cases: [change: (bytes: Buffer) => Buffer, stdout: string, stderr: string][] = [
      [
        (b) => b.subarray(0, 20),
        'read_cow_header - broken V3 file with 64-bit layout - recovering content.\nread_cow_header - failed to read V3 header\n',
        'Reading COW header failed\n',
      ],
      [(b) => b.subarray(0, 4000), 'read_cow_header - failed to read V3 header\n', 'Reading COW header failed\n'],
      [(b) => b.fill(9, 7, 8), 'read_cow_header - invalid COW version\n', 'Reading COW header failed\n'],
      [(b) => b.fill(0, 24, 28), 'read_cow_header - invalid COW header, align == 0\n', 'Reading COW header failed\n'],
      [(b) => b.subarray(0, 8200), '', 'Reading COW bitmap: "bad" is cut off: it needs 8448 bytes and has 8200\n'],
      [(b) => b.subarray(0, 100000), '', 'Reading data: "bad" is cut off: it needs 1060864 bytes and has 100000\n'],
    ];
    for (const [change, stdout, stderr] of cases) {
      writeFileSync(join(cwd, 'bad'), change(Buffer.from(whole)));
      expect(await moo('bad', 'out')).toEqual(failure(stderr, stdout));
      expect(readdirSync(cwd).sort()).toEqual(['bad', 'dc', 'disk']);
    }
  });

  test('a COW file in use is refused, with the pid', async () => {
    const disk = await openDisk({ file: join(cwd, 'dc') }, () => {});
    const line = `COW file open: "dc" is in use by process ${process.pid}\n`;
    expect(await moo('dc', 'out')).toEqual(failure(line));
    expect(await moo('-d', 'dc')).toEqual(failure(line));
    await disk.close();
  });
});

describe('what the C tool does not have', () => {
  test('--no-sync makes the same image, and is refused in place', async () => {
    expect(await moo('dc', 'synced')).toEqual(silent);
    expect(await moo('dc', 'out', '--no-sync')).toEqual(silent);
    expect(readFileSync(join(cwd, 'out')).equals(readFileSync(join(cwd, 'synced')))).toBe(true);
    const refused = 'uml_moo: --no-sync is for new images: a merge in place has to wait for the disk\n';
    expect(await moo('--no-sync', '-d', 'dc')).toEqual(failure(refused));
  });

  test('--dry-run says what would be done, and does nothing', async () => {
    const before = ['dc', 'disk'].map((name) => readFileSync(join(cwd, name)));
    const disk = join(cwd, 'disk');
    expect(await moo('--dry-run', 'dc', 'out')).toEqual({
      ...silent,
      stdout: '2560 bytes of "dc" would go into "out", 1048576 bytes\n',
    });
    expect(await moo('--dry-run', '-d', 'dc')).toEqual({
      ...silent,
      stdout: `2560 bytes of "dc" would be written into "${disk}"; "dc" would then be empty, over the merged backing file\n`,
    });
    expect(await moo('--dry-run', 'dc', 'disk')).toMatchObject({ status: 1, stdout: '' });
    expect(await moo('--dry-run', 'dc', 'nodir/out')).toEqual(failure('Output file open: No such file or directory\n'));
    expect(['dc', 'disk'].map((name, i) => readFileSync(join(cwd, name)).equals(before[i]!))).toEqual([true, true]);
    expect(readdirSync(cwd).sort()).toEqual(['dc', 'disk']);
  });

  test('--json tells the outcome and errors', async () => {
    const common = { cow: 'dc', backing: join(cwd, 'disk'), size: 1 << 20, dirty: 2560, resumes: false, messages: [] };
    const dry = await moo('--json', '--dry-run', 'dc', 'out');
    expect(JSON.parse(dry.stdout)).toEqual({ ...common, output: 'out', cowEmptied: false, dryRun: true });
    const inPlace = await moo('--json', '-d', 'dc');
    expect(JSON.parse(inPlace.stdout)).toEqual({
      ...common,
      output: join(cwd, 'disk'),
      cowEmptied: true,
      dryRun: false,
    });
    expect(isMerged('disk')).toBe(true);
    const wrong = await moo('--json', 'nosuch', 'out');
    expect(wrong).toMatchObject({ status: 1, stderr: 'COW file open: No such file or directory\n' });
    expect(JSON.parse(wrong.stdout)).toEqual({
      error: { code: 'system', message: 'COW file open: No such file or directory' },
    });
  });

  test('--force takes a backing file of another time; on a terminal the error says how to mend it', async () => {
    utimesSync(join(cwd, 'disk'), 1795448254, 1795448254);
    const program = onTerminal(
      process.execPath,
      ['--import', 'tsx', join(root, 'src/main.ts'), 'uml_moo', join(cwd, 'dc'), join(cwd, 'out')],
      {},
    );
    await using session = program;
    expect(await session.exit()).toMatchObject({ status: 1 });
    expect(session.screen).toContain(`touch --date=@1130814229 '${join(cwd, 'disk')}'\r\nor add --force.\r\n`);
    expect(await moo('--force', 'dc', 'out')).toEqual(silent);
    expect(isMerged('out')).toBe(true);
  });

  test('on a terminal it says what became of the COW file', async () => {
    const words = ['--import', 'tsx', join(root, 'src/main.ts'), 'uml_moo', '-d', join(cwd, 'dc')];
    await using session = onTerminal(process.execPath, words, {});
    expect(await session.exit()).toMatchObject({ status: 0 });
    expect(session.screen).toBe(`uml_moo: "${join(cwd, 'dc')}" is now empty, over the merged backing file\r\n`);
  });
});

describe('a long merge', () => {
  let big: string;
  beforeAll(() => {
    big = temporaryDirectory();
    makeImage(join(big, 'disk'), 128 << 20);
    const ours = randomBytes(512);
    const sectors = new Map<number, Buffer>();
    for (let i = 0; i < 128 << 11; i++) if (i % 16384 < 12000) sectors.set(i, ours);
    makeCow(join(big, 'dc'), { layout: 'v3', size: 128 << 20, backing: join(big, 'disk') }, sectors);
  });
  const start = (...args: string[]) => spawnTool('uml_moo', ['--progress', ...args], { cwd: big });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    '%s ends it by that signal and leaves nothing behind',
    async (signal) => {
      const child = start('dc', 'out');
      await child.waitFor(/\d %/);
      child.signal(signal);
      expect(await child.exit()).toMatchObject({ status: null, signal });
      expect(readdirSync(big).sort()).toEqual(['dc', 'disk']);
    },
  );

  test('--progress says how far it is; in place, SIGKILL half way: running it again finishes; little memory', async () => {
    const { stderr } = await start('dc', 'out').exit();
    expect(stderr).toMatch(/^(\d+ %\n)+$/);
    expect(stderr).toMatch(/100 %\n$/);

    const child = start('-d', 'dc');
    await child.waitFor(/[2-5]\d %/);
    child.signal('SIGSTOP');
    const memory = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
    expect(memory).toBeLessThan(150 << 10);
    await child.kill('SIGKILL');
    const again = await start('-d', 'dc').exit();
    expect(again).toMatchObject({ status: 0, stdout: '' });
    expect(readFileSync(join(big, 'disk')).equals(readFileSync(join(big, 'out')))).toBe(true);
  });

  test('on a terminal a bar shows how far it is, and goes when it is done', async () => {
    const words = [
      '--import',
      'tsx',
      join(root, 'src/main.ts'),
      'uml_moo',
      '--progress',
      join(big, 'dc'),
      join(big, 'out'),
    ];
    await using session = onTerminal(process.execPath, words, {});
    expect(await session.exit()).toMatchObject({ status: 0 });
    const wiped = '\r\x1b[K';
    expect(session.screen.endsWith(wiped)).toBe(true);
    expect(session.screen.slice(0, -wiped.length)).toMatch(/^(\r\[#* *\] +\d+ %)+$/);
  });
});
