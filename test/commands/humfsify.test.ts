import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { Directory } from '../../src/lib/os/index.ts';
import { listing, makeTree, metadataListing } from '../lib/humfs/trees.ts';
import { makeOld } from '../lib/humfs/version1.ts';
import { asNobody } from '../support/nobody.ts';
import { runProgram, runTool, spawnTool, temporaryDirectory, toolCommand } from '../support/run.ts';

let cwd: string;
beforeEach(() => {
  cwd = temporaryDirectory();
});
const humfsify = (...args: string[]) => runTool('humfsify', args, { cwd });
const at = (...names: string[]) => join(cwd, ...names);
const silent = { status: 0, signal: null, stdout: '', stderr: '' };
const says = (line: string, status = 1) => ({ ...silent, status, stderr: `${line}\n` });
const usage = () => execFileSync('du', ['-sk', 'data'], { cwd, encoding: 'utf8' }).split('\t')[0];

describe('wrong words change nothing', () => {
  beforeEach(() => {
    makeTree(cwd);
    writeFileSync(at('superblock'), 'mine');
  });

  test.each([
    [[], 'Usage: humfsify user group size'],
    [['nosuchuser', 'nosuchgroup', '4T'], "User 'nosuchuser' not present in the password file"],
    [['4294967295', 'root', '4G'], "User '4294967295' not present in the password file"],
    [['root', 'nosuchgroup', '4T'], "Group 'nosuchgroup' not present in the groups file"],
    [['root', 'root', '4T'], "Bad filesystem size - '4T'"],
    [['root', 'root', '4g'], "Bad filesystem size - '4g'"],
    [['root', 'root', '99999999999999999999'], "Bad filesystem size - '99999999999999999999'"],
    [['root', 'root', '9999999999G'], "Bad filesystem size - '9999999999G'"],
  ])('%j', async (args, line) => {
    const before = listing(cwd, 'data');
    expect(await humfsify(...args)).toEqual(says(line));
    expect(readFileSync(at('superblock'), 'utf8')).toBe('mine');
    expect(listing(cwd, 'data')).toEqual(before);
  });

  test('a size that is too small', async () => {
    const line = `Current disk usage greater than the requested size - ${Number(usage()) * 1024} vs 1024`;
    expect(await humfsify('root', 'root', '1K')).toEqual(says(line));
    expect(readdirSync(cwd).sort()).toEqual(['data', 'superblock']);
    expect(readFileSync(at('superblock'), 'utf8')).toBe('mine');
  });
});

test('no data', async () => {
  expect(await humfsify('root', 'root', '1M')).toEqual(says("Couldn't open 'data' - No such file or directory"));
  expect(readdirSync(cwd)).toEqual([]);
});

test('converts every sort of object, and back again', async () => {
  makeTree(cwd);
  const before = listing(cwd, 'data');
  const used = Number(usage()) * 1024;
  expect(await humfsify('1000', '1001', '4G')).toEqual(silent);

  const superblock = `version 2\nmetadata shadow_fs\nused ${used}\ntotal 4294967296\n`;
  expect(readFileSync(at('superblock'), 'utf8')).toBe(superblock);
  expect(statSync(at('superblock'))).toMatchObject({ mode: 0o100644, uid: 1000, gid: 1001 });
  const metadata = metadataListing(cwd).map((line) => line.replace(' file 644 1000:1001 ', ': '));
  expect(metadata).toEqual(
    expect.arrayContaining([
      'dir_metadata/. directory 755 1000:1001',
      'dir_metadata/metadata: 493 0 0',
      'dir_metadata/etc/metadata.1: 493 0 0', // there is a directory of the usual name
      'dir_metadata/etc/metadata/metadata: 493 0 0',
      'dir_metadata/etc/sub/metadata: 1384 1000 4000000000',
      'dir_metadata/tmp/metadata: 1023 0 0',
      'file_metadata/su: 3565 0 5',
      'file_metadata/dev/null: 438 0 0 c 1 3 dev/null',
      'file_metadata/dev/pts/zero link: 438 0 0 c 1 3 dev/null',
      'file_metadata/dev/big: 432 0 6 b 259 300',
      'file_metadata/dev/fifo: 384 0 0 p 0 0',
      'file_metadata/dev/log: 438 0 0 s 0 0',
      'file_metadata/dev/metadata: 420 0 0',
      'file_metadata/etc/hello: 420 0 0 etc/hello',
      'file_metadata/etc/metadata/hard: 420 0 0 etc/hello',
      'file_metadata/etc/soft: 511 1000 1000',
      'file_metadata/etc/shadow: 384 0 42',
      'file_metadata/tmp/a;touch INJECTED: 420 0 0',
      'file_metadata/tmp/new\nline: 420 0 0',
      'file_metadata/tmp/\xff\xfe\x80: 420 0 0',
    ]),
  );
  for (const line of listing(cwd, 'data'))
    expect(line).toMatch(/(directory|file) 755 1000:1001 |symlink 777 1000:1001 /);
  // all but owners, modes and types is what it was: times to the nanosecond, links, contents
  const rest = (lines: string[]) =>
    lines.map((line) => line.replace(/ (char|block|fifo|socket) /, ' file ').replace(/ \d+ \d+:\d+ \d+,\d+ 0?/, ''));
  expect(rest(listing(cwd, 'data'))).toEqual(rest(before));
  expect(existsSync(at('data/tmp/INJECTED')) || existsSync(at('INJECTED'))).toBe(false);

  expect(await humfsify('-r')).toEqual(silent);
  expect(listing(cwd, 'data')).toEqual(before);
  expect(readdirSync(cwd).sort()).toEqual(['data', 'superblock']);
  expect(readFileSync(at('superblock'), 'utf8')).toBe(superblock);
  expect(await humfsify('-r')).toEqual(says('There is no metadata, so nothing can be undone'));
});

test('names of users and groups; bytes as size', async () => {
  makeTree(cwd);
  expect(await humfsify('nobody', 'nogroup', '999999999')).toEqual(silent);
  expect(statSync(at('data/su'))).toMatchObject({ uid: 65534, gid: 65534 });
  expect(readFileSync(at('superblock'), 'utf8')).toMatch(/\ntotal 999999999\n$/);
});

test('a second run loses nothing, takes in what is new, and gives all to another user', async () => {
  makeTree(cwd);
  await humfsify('1000', '1001', '4G');
  const first = metadataListing(cwd);
  expect(await humfsify('1000', '1001', '4G')).toEqual(silent);
  expect(metadataListing(cwd)).toEqual(first);

  writeFileSync(at('data/new'), 'new', { mode: 0o640 });
  linkSync(at('data/etc/hello'), at('data/0'));
  mkdirSync(at('data/tmp/metadata'));
  expect(await humfsify('2000', '2001', '1G')).toEqual(silent);
  const second = metadataListing(cwd);
  expect(second).toContain('file_metadata/new file 644 2000:2001 416 0 0');
  expect(second).toContain('file_metadata/0 file 644 2000:2001 420 0 0 0');
  expect(second).toContain('file_metadata/etc/hello file 644 2000:2001 420 0 0 0');
  expect(second).toContain('dir_metadata/tmp/metadata.1 file 644 2000:2001 1023 0 0');
  expect(second).toContain('file_metadata/su file 644 2000:2001 3565 0 5');
  for (const line of listing(cwd, 'data')) expect(line).toContain(' 2000:2001 ');
  expect(readFileSync(at('superblock'), 'utf8')).toMatch(/\ntotal 1073741824\n$/);
});

test('counts the disk space as du does', async () => {
  mkdirSync(at('data/a'), { recursive: true });
  writeFileSync(at('data/a/full'), Buffer.alloc(123_457, 1));
  linkSync(at('data/a/full'), at('data/link'));
  writeFileSync(at('data/sparse'), '');
  truncateSync(at('data/sparse'), 1 << 30);
  symlinkSync('x'.repeat(200), at('data/long'));
  const used = Number(usage()) * 1024;
  expect(await humfsify('0', '0', '1G')).toEqual(silent);
  expect(readFileSync(at('superblock'), 'utf8')).toContain(`\nused ${used}\n`);
});

test('data may be a link to the files', async () => {
  mkdirSync(at('elsewhere'));
  writeFileSync(at('elsewhere/file'), 'x', { mode: 0o600 });
  symlinkSync('elsewhere', at('data'));
  const used = Number(execFileSync('du', ['-sk', 'data/'], { cwd, encoding: 'utf8' }).split('\t')[0]) * 1024;
  expect(await humfsify('1000', '1001', '1M')).toEqual(silent);
  expect(readFileSync(at('superblock'), 'utf8')).toContain(`\nused ${used}\n`);
  expect(statSync(at('elsewhere/file'))).toMatchObject({ mode: 0o100755, uid: 1000, gid: 1001 });
  expect(await humfsify('-r')).toEqual(silent);
  expect(statSync(at('elsewhere/file'))).toMatchObject({ mode: 0o100600, uid: 0, gid: 0 });
});

test('--dry-run says what would be done, and does nothing', async () => {
  makeTree(cwd);
  const before = listing(cwd, 'data');
  const objects = before.length;
  const used = Number(usage()) * 1024;
  expect(await humfsify('--dry-run', '1000', '1000', '1G')).toEqual({
    ...silent,
    stdout:
      `data: ${objects} files and directories, ${used} of 1073741824 bytes used\n` +
      `${objects} of them would be recorded, all given to 1000:1000; 5 devices, fifos and sockets would become empty files\n`,
  });
  expect(listing(cwd, 'data')).toEqual(before);
  expect(readdirSync(cwd)).toEqual(['data']);
  expect(await humfsify('1000', '1000', '1K', '--dry-run')).toMatchObject({ status: 1 });

  await humfsify('1000', '1000', '1G');
  const converted = listing(cwd, 'data');
  expect(await humfsify('-r', '--dry-run')).toEqual({
    ...silent,
    stdout: `data: ${objects} files and directories would get back what they were, 5 of them from empty files to devices, fifos and sockets\n`,
  });
  expect(listing(cwd, 'data')).toEqual(converted);
});

describe('-r of what is not as it should be', () => {
  beforeEach(() => mkdirSync(at('data')));
  const good = 'version 2\nmetadata shadow_fs\nused 10\ntotal 50\n';

  test.each([
    [undefined, "Couldn't open 'superblock' - No such file or directory", 2],
    ['used 1\n', 'Bogus superblock - version not defined', 255],
    [good.replace('50', '5'), 'Bogus superblock - used > total', 255],
    [good.replace('2', '3'), 'Unsupported version - 3', 255],
    [good.replace('shadow_fs', 'sql'), "Metadata format 'sql' isn't supported by version 2", 255],
    [good, 'There is no metadata, so nothing can be undone', 1],
  ])('superblock %j', async (superblock, line, status) => {
    if (superblock !== undefined) writeFileSync(at('superblock'), superblock);
    expect(await humfsify('-r')).toEqual(says(line, status));
  });

  test('single objects: the rest is done, the metadata stays', async () => {
    makeTree(at('t'));
    cwd = at('t');
    const before = listing(cwd, 'data');
    await humfsify('1000', '1000', '1G');
    writeFileSync(at('file_metadata/su'), 'rubbish');
    writeFileSync(at('data/dev/big'), 'contents');
    writeFileSync(at('file_metadata/tmp/gone'), '420 0 0\n');
    const { status, stdout, stderr } = await humfsify('-r');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr.split('\n')).toEqual([
      "'data/dev/big' is a device in the metadata and holds data; left as it is",
      "Bogus mode in 'file_metadata/su'",
      "'file_metadata/tmp/gone' is the metadata of a file that is not there",
      'There were some errors when copying metadata information.  Not removing the',
      'metadata directories.  Remove them yourself after either fixing the errors above',
      "or deciding that they don't matter.",
      '',
    ]);
    writeFileSync(at('file_metadata/su'), '3565 0 5\n');
    truncateSync(at('data/dev/big'));
    rmSync(at('file_metadata/tmp/gone'));
    expect(await humfsify('-r')).toEqual(silent);
    const but = (lines: string[]) => lines.filter((line) => !line.startsWith('dev/big '));
    expect(but(listing(cwd, 'data'))).toEqual(but(before));
    expect(statSync(at('data/dev/big')).isBlockDevice()).toBe(true);
  });
});

test('a tree of version 1 is made version 2, and can be undone', async () => {
  makeTree(cwd);
  await humfsify('1000', '1000', '1G');
  makeOld(cwd);
  const old = at('../old');
  rmSync(old, { recursive: true, force: true });
  execFileSync('cp', ['-a', cwd, old]);

  expect(await humfsify('2000', '2000', '1G')).toEqual(silent);
  expect(readFileSync(at('superblock'), 'utf8')).toMatch(/^version 2\nmetadata shadow_fs\n/);
  expect(existsSync(at('metadata'))).toBe(false);
  const metadata = metadataListing(cwd);
  // version 1 has no modes: those of the data count
  expect(metadata).toContain('file_metadata/dev/big file 644 2000:2000 493 0 6 b 259 300');
  expect(metadata).toContain('dir_metadata/etc/sub/metadata file 644 2000:2000 493 1000 4000000000');

  cwd = old;
  expect(await humfsify('-r')).toEqual(silent);
  expect(readdirSync(cwd).sort()).toEqual(['data', 'superblock']);
  expect(statSync(at('data/dev/big'))).toMatchObject({ mode: 0o60755, uid: 0, gid: 6 });
  expect(statSync(at('data/etc/shadow'))).toMatchObject({ mode: 0o100755, uid: 0, gid: 42 });
  rmSync(old, { recursive: true });
});

test('what is mounted in the tree is not touched', async () => {
  mkdirSync(at('data/proc'), { recursive: true });
  execFileSync('mount', ['--bind', '/proc', at('data/proc')]);
  try {
    const line = "Another file system is mounted on 'data/proc'; unmount it first";
    expect(await humfsify('1000', '1000', '1G')).toEqual(says(line));
    expect(readdirSync(cwd)).toEqual(['data']);
  } finally {
    execFileSync('umount', [at('data/proc')]);
  }
});

test('links in the place of directories lead nowhere', async () => {
  makeTree(cwd);
  await humfsify('1000', '1000', '1G');
  mkdirSync(at('outside'));
  writeFileSync(at('outside/sub'), 'mine');
  renameSync(at('file_metadata/etc'), at('moved'));
  symlinkSync('../outside', at('file_metadata/etc'));
  rmSync(at('data/tmp'), { recursive: true });
  symlinkSync('../outside', at('data/tmp'));
  const { status } = await humfsify('-r');
  expect(status).toBe(1);
  expect(statSync(at('outside'))).toMatchObject({ uid: 0, mode: 0o40755 });
  expect(statSync(at('outside/sub'))).toMatchObject({ uid: 0, mode: 0o100644 });
});

describe('as an ordinary user', () => {
  const run = (...args: string[]) => {
    const [file, ...rest] = asNobody(...toolCommand('humfsify', args));
    return runProgram(file, rest, { cwd });
  };
  beforeEach(() => {
    chownSync(cwd, 65534, 65534);
    mkdirSync(at('data/bin'), { recursive: true });
    writeFileSync(at('data/bin/tool'), 'x', { mode: 0o500 });
    execFileSync('mkfifo', ['-m', '600', at('data/fifo')]);
    execFileSync('chmod', ['2711', at('data/bin')]);
    execFileSync('chown', ['-R', '65534:65534', at('data')]);
    execFileSync('chmod', ['2711', at('data/bin')]);
  });

  test('one’s own tree needs no rights', async () => {
    const before = listing(cwd, 'data');
    expect(await run('nobody', 'nogroup', '1M')).toEqual(silent);
    expect(metadataListing(cwd)).toContain('file_metadata/fifo file 644 65534:65534 384 65534 65534 p 0 0');
    expect(await run('-r')).toEqual(silent);
    expect(listing(cwd, 'data')).toEqual(before);
  });

  test('what only root can do is refused before anything is touched', async () => {
    const give = (name: string, to: string, from: string) =>
      `Only root can give '${name}' to ${to}: it belongs to ${from}`;
    expect(await run('1000', '1000', '1M')).toEqual(says(give('data', '1000, 1000', '65534, 65534')));
    chownSync(at('data/bin/tool'), 0, 0);
    expect(await run('nobody', 'nogroup', '1M')).toEqual(says(give('data/bin/tool', '65534, 65534', '0, 0')));
    expect(readdirSync(cwd)).toEqual(['data']);
  });

  test('-r says what it could not do', async () => {
    await run('nobody', 'nogroup', '1M');
    writeFileSync(at('file_metadata/bin/tool'), '320 0 0\n');
    writeFileSync(at('file_metadata/fifo'), '384 65534 65534 c 1 3\n');
    const { status, stderr } = await run('-r');
    expect(status).toBe(1);
    expect(stderr.split('\n').slice(0, 2)).toEqual([
      "Couldn't chown 'data/bin/tool' - Operation not permitted",
      "Couldn't mknod 'data/fifo' - Operation not permitted",
    ]);
    expect(existsSync(at('file_metadata'))).toBe(true);
  });
});

test('a signal ends it between two files, with nothing left over, and a second run goes on', async () => {
  mkdirSync(at('data'));
  const data = Directory.open(at('data'));
  const files = 1500;
  for (let i = 0; i < files; i++) data.create(`file ${i}`, new Uint8Array(), 0o640);
  data.close();
  const watcher = watch(cwd);
  const began = once(watcher, 'change');
  const tool = spawnTool('humfsify', ['1000', '1000', '1G'], { cwd });
  await began;
  watcher.close();
  const stderr = 'Interrupted; run it again to go on\n';
  expect(await tool.kill('SIGTERM')).toEqual({ status: null, signal: 'SIGTERM', stdout: '', stderr });
  expect(readdirSync(cwd)).not.toContain('.humfsify');
  expect(readdirSync(cwd)).not.toContain('superblock');
  expect(await humfsify('1000', '1000', '1G')).toEqual(silent);
  expect(metadataListing(cwd).filter((line) => line.endsWith(' file 644 1000:1000 416 0 0'))).toHaveLength(files);
});

test('two at once: the second is refused', async () => {
  makeTree(cwd);
  const held = Directory.open(cwd);
  held.lock();
  expect(await humfsify('0', '0', '1G')).toEqual(says('Another humfsify is at work in this directory'));
  held.close();
});
