import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bind, closeFd, pathAddress, unixSocket } from '../../../src/lib/os/index.ts';
import {
  claimUmid,
  findSocket,
  listInstances,
  liveOwner,
  matchesPattern,
  ownerOf,
  searchBases,
  umidBase,
} from '../../../src/lib/umid/index.ts';
import { spawnProgram, temporaryDirectory } from '../../support/run.ts';

let home: string;
let base: string;
const sockets: number[] = [];

beforeEach(() => {
  home = temporaryDirectory();
  base = `${home}/.uml/`;
  mkdirSync(base);
});
afterEach(() => {
  for (const fd of sockets.splice(0)) closeFd(fd);
});

function instance(directory: string, name: string, pid: number): string {
  mkdirSync(`${directory}${name}`, { recursive: true });
  writeFileSync(`${directory}${name}/pid`, `${pid}\n`);
  const fd = unixSocket('dgram');
  bind(fd, pathAddress(`${directory}${name}/mconsole`));
  sockets.push(fd);
  return `${directory}${name}/mconsole`;
}

describe('the base', () => {
  it('is uml_dir, with a slash and the home put in, else ~/.uml', () => {
    const environment = { HOME: '/home/user' };
    expect(umidBase(undefined, environment)).toBe('/home/user/.uml/');
    expect(umidBase('', environment)).toBe('/home/user/.uml/');
    expect(umidBase('/var/uml', environment)).toBe('/var/uml/');
    expect(umidBase('/var/uml/', environment)).toBe('/var/uml/');
    expect(umidBase('~/machines', environment)).toBe('/home/user/machines/');
    expect(umidBase('a~b', environment)).toBe('a~b/');
  });

  it('of tools is UML_DIR, then ~/.uml, then /tmp/uml', () => {
    expect(searchBases({ HOME: '/h', UML_DIR: '/u' })).toEqual(['/u/', '/h/.uml/', '/tmp/uml/']);
    expect(searchBases({})).toEqual(['/tmp/uml/']);
    expect(searchBases({ UML_DIR: '/tmp/uml' })).toEqual(['/tmp/uml/']);
  });
});

describe('a socket', () => {
  it('is found by umid, by its directory, by its own path, and in UML_DIR first', () => {
    const socketPath = instance(base, 'debian', process.pid);
    const found = { socketPath, directory: `${base}debian` };
    expect(findSocket('debian', { HOME: home })).toEqual({ name: 'debian', ...found });
    expect(findSocket(`${base}debian`, {})).toMatchObject(found);
    expect(findSocket(`${base}debian/`, {})).toMatchObject(found);
    expect(findSocket(socketPath, {})).toMatchObject(found);
    const elsewhere = instance(`${home}/other/`, 'debian', process.pid);
    expect(findSocket('debian', { HOME: home, UML_DIR: `${home}/other` }).socketPath).toBe(elsewhere);
    expect(findSocket('debian', { HOME: home }, `${home}/other`).socketPath).toBe(elsewhere);
    expect(() => findSocket('debian', { HOME: home }, '~/none')).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', tried: [`${home}/none/debian/mconsole`] }),
    );
  });

  it('that is nowhere is an error that says where it was looked for', () => {
    expect(() => findSocket('nosuch', { HOME: home })).toThrow(
      expect.objectContaining({
        code: 'NOT_FOUND',
        tried: [`${base}nosuch/mconsole`, '/tmp/uml/nosuch/mconsole'],
      }),
    );
    expect(() => findSocket('', { HOME: home })).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  });
});

describe('instances', () => {
  it('are listed with their pid and state', async () => {
    const own = claimUmid({ base, name: 'mine' });
    instance(base, 'answering', process.pid);
    mkdirSync(`${base}dead`);
    writeFileSync(`${base}dead/pid`, '99999999\n');
    writeFileSync(`${base}stray-file`, '');
    const stopped = spawnProgram('sleep', ['1000']);
    mkdirSync(`${base}stopped`);
    writeFileSync(`${base}stopped/pid`, `${stopped.pid}\n`);
    stopped.signal('SIGSTOP');
    await untilStopped(stopped.pid);
    const listed = listInstances(base);
    expect(listed.map(({ umid, pid, state }) => [umid, pid, state])).toEqual([
      ['answering', process.pid, 'alive'],
      ['dead', 99_999_999, 'stale'],
      ['mine', process.pid, 'alive'],
      ['stopped', stopped.pid, 'stopped'],
    ]);
    expect(listed[0]?.socketPath).toBe(`${base}answering/mconsole`);
    expect(listInstances(`${home}/none/`)).toEqual([]);
    own.release();
  });

  it('that are dead have no owner to signal', () => {
    mkdirSync(`${base}x`);
    expect(liveOwner(`${base}x`)).toBeUndefined();
    for (const text of ['', '0\n', '-1\n', '99999999\n', `${'9'.repeat(40)}\n`]) {
      writeFileSync(`${base}x/pid`, text);
      expect(liveOwner(`${base}x`)).toBeUndefined();
    }
    writeFileSync(`${base}x/pid`, `${process.pid}\n`);
    expect(liveOwner(`${base}x`)).toBe(process.pid);
    expect(ownerOf(`${base}x`)).toEqual({ pid: process.pid, state: 'alive' });
  });
});

/** A stop signal takes effect some time after kill(2) returns. */
async function untilStopped(pid: number): Promise<void> {
  const { readFileSync } = await import('node:fs');
  while (!/\) T /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) await new Promise(setImmediate);
}

describe('a shell pattern', () => {
  it.each([
    ['*', ['debian', 'a.b', '[x]'], []],
    ['deb*', ['debian', 'deb'], ['xdeb']],
    ['debian?', ['debian1'], ['debian', 'debian12']],
    ['debian[1-3]', ['debian2'], ['debian4']],
    ['debian[!1-3]', ['debian4'], ['debian2']],
    ['a.b', ['a.b'], ['axb']],
    ['[', ['['], ['x']],
    ['[z-a]', [], ['b']],
  ])('%s', (pattern, fitting, others) => {
    for (const umid of fitting) expect(matchesPattern(umid, pattern)).toBe(true);
    for (const umid of others) expect(matchesPattern(umid, pattern)).toBe(false);
  });
});
