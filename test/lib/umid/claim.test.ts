import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { bind, closeFd, pathAddress, unixSocket } from '../../../src/lib/os/index.ts';
import { claimUmid, umidBase } from '../../../src/lib/umid/index.ts';
import { spawnProgram, temporaryDirectory } from '../../support/run.ts';

const tsx = import.meta.resolve('tsx');
const claimer = join(import.meta.dirname, '../../fixtures/claim-umid.ts');
/** More than any pid_max. */
const NO_PID = 99_999_999;

let base: string;
beforeEach(() => {
  base = `${temporaryDirectory()}/.uml/`;
});

/** A directory as an instance leaves it, with the pid file's text and some files more. */
function leftBehind(name: string, pid: string | undefined, files: readonly string[] = []): string {
  const path = base + name;
  mkdirSync(path, { recursive: true });
  if (pid !== undefined) writeFileSync(`${path}/pid`, pid);
  for (const file of files) writeFileSync(`${path}/${file}`, '');
  return path;
}

function bindSocket(path: string): number {
  const fd = unixSocket('dgram');
  bind(fd, pathAddress(path));
  return fd;
}

describe('a umid directory', () => {
  it('is made with a pid file, and removed with all that is in it', () => {
    const directory = claimUmid({ base, name: 'debian' });
    expect(directory).toMatchObject({ name: 'debian', path: `${base}debian`, warnings: [] });
    expect(directory.socketPath).toBe(`${base}debian/mconsole`);
    expect(readFileSync(directory.pidPath, 'utf8')).toBe(`${process.pid}\n`);
    expect(statSync(directory.path).mode & 0o7777).toBe(0o777 & ~process.umask());
    expect(statSync(directory.pidPath).mode & 0o7777).toBe(0o644 & ~process.umask());
    writeFileSync(`${directory.path}/extra`, '');
    directory.release();
    expect(readdirSync(base)).toEqual([]);
    directory.release();
  });

  it('has a random name of six characters where none, or a too long one, is asked for', () => {
    for (const name of [undefined, '', 'x'.repeat(64)]) {
      const directory = claimUmid({ base, name });
      expect(directory.name).toMatch(/^[a-zA-Z0-9]{6}$/);
      expect(directory.warnings).toEqual([]);
      directory.release();
    }
    const longest = claimUmid({ base, name: 'x'.repeat(63) });
    expect(longest.name).toBe('x'.repeat(63));
    longest.release();
  });

  it('that cannot be made is replaced by a random one, with UML’s message', () => {
    const directory = claimUmid({ base, name: 'a/b' });
    expect(directory.name).toMatch(/^[a-zA-Z0-9]{6}$/);
    expect(directory.warnings.map(({ message }) => message)).toEqual([
      'Failed to initialize umid "a/b", trying with a random umid',
    ]);
    directory.release();
  });

  it('without a base fails by name', () => {
    expect(() => claimUmid({ base: '/proc/nosuch/', name: 'x' })).toThrow(
      expect.objectContaining({
        code: 'BASE',
        message: "Failed to mkdir '/proc/nosuch/': No such file or directory",
      }),
    );
    expect(() => umidBase(undefined, {})).toThrow(
      expect.objectContaining({
        code: 'NO_HOME',
        message: 'make_uml_dir: no value in environment for $HOME',
      }),
    );
  });
});

describe('a directory in use', () => {
  it('by a live process is not taken; the messages are UML’s and carry the pid', () => {
    leftBehind('debian', '1\n', ['extra']);
    const directory = claimUmid({ base, name: 'debian' });
    expect(directory.name).not.toBe('debian');
    expect(directory.warnings.map(({ message }) => message)).toEqual([
      'umid "debian" is already in use by pid 1',
      'Failed to initialize umid "debian", trying with a random umid',
    ]);
    expect(directory.warnings[0]).toMatchObject({ code: 'IN_USE', pid: 1, umid: 'debian' });
    expect(readdirSync(`${base}debian`).sort()).toEqual(['extra', 'pid']);
    directory.release();
  });

  it('by this process is not taken again', () => {
    const first = claimUmid({ base, name: 'debian' });
    for (let round = 0; round < 2; round++) {
      const second = claimUmid({ base, name: 'debian' });
      expect(second.warnings[0]).toMatchObject({ code: 'IN_USE', pid: process.pid });
      second.release();
    }
    expect(readFileSync(first.pidPath, 'utf8')).toBe(`${process.pid}\n`);
    first.release();
    expect(existsSync(first.path)).toBe(false);
  });

  it('by somebody whose pid is not to be seen here, but whose socket takes connections, is not taken', () => {
    const path = leftBehind('debian', `${NO_PID}\n`);
    const socket = bindSocket(`${path}/mconsole`);
    const directory = claimUmid({ base, name: 'debian' });
    expect(directory.warnings[0]).toMatchObject({ code: 'IN_USE', pid: NO_PID });
    directory.release();
    closeFd(socket);
  });

  it('goes to one only of many that start at once over a stale directory', async () => {
    leftBehind('debian', `${NO_PID}\n`, ['mconsole']);
    const starters = Array.from({ length: 6 }, () =>
      spawnProgram(process.execPath, ['--import', tsx, claimer, base, 'debian']),
    );
    await Promise.all(starters.map((starter) => starter.waitFor(/ready\n/)));
    for (const starter of starters) starter.write('go\n');
    const got = await Promise.all(starters.map((starter) => starter.waitFor(/got (\S+) (\S*)\n/)));
    expect(got.filter(([, name]) => name === 'debian')).toHaveLength(1);
    expect(got.filter(([, , warnings]) => warnings === 'IN_USE,RANDOM')).toHaveLength(5);
    const owner = starters[got.findIndex(([, name]) => name === 'debian')];
    expect(readFileSync(`${base}debian/pid`, 'utf8')).toBe(`${owner?.pid}\n`);
    for (const starter of starters) starter.end();
    await Promise.all(starters.map((starter) => starter.exit()));
    expect(readdirSync(base)).toEqual([]);
  });
});

describe('a stale directory', () => {
  it.each([
    ['of a dead process', `${NO_PID}\n`],
    ['with an empty pid file', ''],
    ['with nonsense in the pid file', 'nonsense'],
    ['with a pid that would be a process group', '0\n'],
    ['with a negative pid', '-1\n'],
    ['without a pid file', undefined],
  ])('%s is taken over, emptied', (_, pid) => {
    leftBehind('debian', pid, ['mconsole', 'extra']);
    const directory = claimUmid({ base, name: 'debian' });
    expect(directory).toMatchObject({ name: 'debian', warnings: [] });
    expect(readdirSync(directory.path)).toEqual(['pid']);
    expect(readFileSync(directory.pidPath, 'utf8')).toBe(`${process.pid}\n`);
    directory.release();
  });

  it('whose pid another process has got since is taken over', () => {
    const path = leftBehind('debian', '', ['mconsole']);
    const other = spawnProgram('sleep', ['1000']);
    writeFileSync(`${path}/pid`, `${other.pid}\n`);
    const before = new Date(Date.now() - 3_600_000);
    utimesSync(`${path}/pid`, before, before);
    const directory = claimUmid({ base, name: 'debian' });
    expect(directory).toMatchObject({ name: 'debian', warnings: [] });
    directory.release();
  });

  it('with a directory in it stays', () => {
    mkdirSync(`${leftBehind('debian', `${NO_PID}\n`)}/sub`);
    const directory = claimUmid({ base, name: 'debian' });
    expect(directory.warnings.map(({ code }) => code)).toEqual(['RANDOM']);
    expect(existsSync(`${base}debian/sub`)).toBe(true);
    directory.release();
  });

  it('is none that holds other people’s files: those are safe from umid=../x', () => {
    mkdirSync(`${base}../documents`, { recursive: true });
    mkdirSync(base, { recursive: true });
    writeFileSync(`${base}../documents/thesis`, 'precious');
    const directory = claimUmid({ base, name: '../documents' });
    expect(directory.warnings.map(({ code }) => code)).toEqual(['RANDOM']);
    expect(readdirSync(`${base}../documents`)).toEqual(['thesis']);
    directory.release();
  });

  it('keeps the mode that its pid file has', () => {
    chmodSync(`${leftBehind('debian', '')}/pid`, 0o600);
    const directory = claimUmid({ base, name: 'debian' });
    expect(statSync(directory.pidPath).mode & 0o7777).toBe(0o600);
    directory.release();
  });
});
