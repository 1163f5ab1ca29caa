/** Our humfsify beside the Perl one: the same trees, what either makes of them, and each undoing the other's work. */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { listing, makeTree, metadataListing } from '../lib/humfs/trees.ts';
import { runProgram, runTool, spawnTool, temporaryDirectory } from '../support/run.ts';

const PERL = '/usr/bin/humfsify';
const silent = { status: 0, signal: null, stdout: '', stderr: '' };
const ours = (cwd: string, ...args: string[]) => runTool('humfsify', args, { cwd });
const perls = (cwd: string, ...args: string[]) => runProgram(PERL, args, { cwd });

/** What the Perl tool gets right: files, directories and links of plain names and modes. */
function makePlainTree(root: string): void {
  mkdirSync(join(root, 'data/etc/sub'), { recursive: true });
  writeFileSync(join(root, 'data/etc/hello'), 'hello\n');
  writeFileSync(join(root, 'data/etc/shadow'), 'secret\n', { mode: 0o600 });
  symlinkSync('hello', join(root, 'data/etc/soft'));
  symlinkSync('/nonexistent', join(root, 'data/etc/dangling'));
  execFileSync('sh', ['-c', 'ln hello sub/hard; chown 1000:1000 sub; chmod 700 sub; chown 7:8 shadow'], {
    cwd: join(root, 'data/etc'),
  });
}

let one: string;
let other: string;
beforeEach(() => {
  one = temporaryDirectory();
  other = temporaryDirectory();
});

test.each([
  ['nosuchuser', 'root', '4G'],
  ['root', 'nosuchgroup', '4G'],
  ['root', 'root', '4T'],
  ['root', 'root', '1K'],
])('%s %s %s: the same line, but on stderr', async (...args) => {
  makePlainTree(one);
  const { status, stdout, stderr } = await perls(one, ...args);
  expect(await ours(one, ...args)).toMatchObject({ status, stdout: stderr, stderr: stdout });
});

test('a plain tree comes out the same', async () => {
  makePlainTree(one);
  execFileSync('cp', ['-a', join(one, 'data'), other]);
  expect(await ours(one, '1000', '1001', '4G')).toEqual(silent);
  expect(await perls(other, '1000', '1001', '4G')).toMatchObject({ status: 0, stdout: '' });
  expect(listing(one, 'data')).toEqual(listing(other, 'data'));
  expect(metadataListing(one)).toEqual(metadataListing(other));
  expect(readFileSync(join(one, 'superblock'))).toEqual(readFileSync(join(other, 'superblock')));
  expect(readdirSync(one)).toEqual(readdirSync(other));
});

test('the Perl tool undoes ours', async () => {
  makePlainTree(one);
  const before = listing(one, 'data');
  await ours(one, '1000', '1001', '4G');
  await perls(one, '-r');
  // it gives directories no mode
  const but = (lines: string[]) => lines.map((line) => line.replace(/ directory \d+ /, ' directory '));
  expect(but(listing(one, 'data'))).toEqual(but(before));
});

test('ours undoes the Perl tool’s, with what that had recorded', async () => {
  makePlainTree(one);
  makeNodes(one);
  const before = listing(one, 'data');
  await perls(one, '1000', '1001', '4G');
  expect(await ours(one, '-r')).toEqual(silent);
  expect(listing(one, 'data')).toEqual(before);
});

test('ours takes over a tree of the Perl tool: its devices become harmless, what it left out is recorded', async () => {
  makePlainTree(one);
  makeNodes(one);
  const before = listing(one, 'data');
  await perls(one, '1000', '1001', '4G');
  expect(listing(one, 'data').join('\n')).toMatch(/block 755 1000:1001 259,300/); // a host's device in the user's hands
  expect(await ours(one, '1000', '1001', '4G')).toEqual(silent);
  for (const line of listing(one, 'data')) expect(line).toMatch(/ (directory|file|symlink) /);
  expect(readFileSync(join(one, 'file_metadata/big'), 'utf8')).toBe('420 0 0 b 259 300\n');
  expect(readFileSync(join(one, 'file_metadata/fifo'), 'utf8')).toBe('420 0 0 p 0 0\n');
  expect(await ours(one, '-r')).toEqual(silent);
  expect(listing(one, 'data')).toEqual(before);
});

test('a name that the Perl tool hands to a shell as root', async () => {
  const name = 'a;touch ..INJECTED';
  for (const directory of [one, other]) {
    mkdirSync(join(directory, 'data'));
    writeFileSync(join(directory, 'data', name), '');
  }
  await perls(other, '0', '0', '1M');
  expect(existsSync(join(other, 'data/..INJECTED'))).toBe(true);
  expect(await ours(one, '0', '0', '1M')).toEqual(silent);
  expect(existsSync(join(one, 'data/..INJECTED'))).toBe(false);
});

function makeNodes(root: string): void {
  const script = 'mknod null c 1 3; mknod big b 259 300; mkfifo fifo; touch -d @1000000000 null big fifo .';
  execFileSync('sh', ['-c', script], { cwd: join(root, 'data') });
}

const KILLS = 4;

/** Runs our tool and kills it some time after it has begun to change things, again and again. */
async function killSometimes(cwd: string, args: readonly string[]): Promise<void> {
  for (let i = 0; i < KILLS; i++) {
    const watcher = watch(cwd);
    const began = once(watcher, 'change');
    const tool = spawnTool('humfsify', args, { cwd });
    await Promise.race([began, tool.exit()]);
    await setTimeout(randomInt(100));
    await tool.kill('SIGKILL');
    watcher.close();
  }
}

test('a copy of this machine’s /etc and /dev comes back as it was, after kills too', async () => {
  makeTree(one);
  execFileSync('sh', ['-c', 'cp -a /etc "$0/machine" && cp -ax /dev "$0/nodes"', join(one, 'data')]);
  const before = [listing(one, 'data'), tar(one)];
  expect(before[0]!.length).toBeGreaterThan(200);

  await killSometimes(one, ['1000', '1000', '4G']);
  expect(await ours(one, '1000', '1000', '4G')).toEqual(silent);
  for (const line of listing(one, 'data'))
    expect(line).toMatch(/ (directory|file) 755 1000:1000 | symlink 777 1000:1000 /);

  await killSometimes(one, ['-r']);
  const { stderr } = await ours(one, '-r');
  expect(['', 'There is no metadata, so nothing can be undone\n']).toContain(stderr); // no kill came in time
  expect([listing(one, 'data'), tar(one)]).toEqual(before);
});

/** What tar stores of a tree, in the order of the names: owners, modes, devices, sizes, times. */
function tar(root: string): string {
  const archive = execFileSync(
    'tar',
    ['--numeric-owner', '--sort=name', '--warning=no-file-ignored', '-cf', '-', 'data'],
    {
      cwd: root,
      maxBuffer: 2 ** 29,
    },
  );
  return execFileSync('tar', ['--numeric-owner', '--full-time', '-tvf', '-'], {
    input: archive,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
}
