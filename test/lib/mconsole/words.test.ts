import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { absolutePaths, logRequests, parseLine } from '../../../src/lib/mconsole/index.ts';
import { temporaryDirectory } from '../../support/run.ts';

describe('a line', () => {
  it('is one of the client only if its first word is, as a whole', () => {
    expect(parseLine('quit')).toEqual({ kind: 'quit' });
    expect(parseLine('quit now')).toEqual({ kind: 'quit' });
    expect(parseLine('quitx')).toEqual({ kind: 'remote', command: 'quitx' });
    expect(parseLine('int')).toEqual({ kind: 'int' });
    expect(parseLine('integer')).toEqual({ kind: 'remote', command: 'integer' });
    expect(parseLine('int-nope')).toEqual({ kind: 'remote', command: 'int-nope' });
    expect(parseLine('logout')).toEqual({ kind: 'remote', command: 'logout' });
    expect(parseLine('help config')).toEqual({ kind: 'help', command: 'help config' });
    expect(parseLine('mconsole-version')).toEqual({ kind: 'mconsole-version' });
  });

  it('keeps white space in front, and loses it at the end', () => {
    expect(parseLine('  version \n')).toEqual({ kind: 'remote', command: '  version' });
    expect(parseLine('   ')).toEqual({ kind: 'remote', command: '' });
  });

  it('has its argument without the blanks before it', () => {
    expect(parseLine('switch   other')).toEqual({ kind: 'switch', name: 'other' });
    expect(parseLine('log   two   spaces')).toEqual({ kind: 'log', text: 'two   spaces' });
    expect(parseLine('log')).toEqual({ kind: 'log', text: '' });
    expect(parseLine('log -f a file')).toEqual({ kind: 'log file', file: 'a file' });
    expect(parseLine('log -f')).toEqual({ kind: 'log file', file: '' });
    expect(parseLine('log -fast')).toEqual({ kind: 'log', text: '-fast' });
  });

  it('may be for another instance', () => {
    expect(parseLine('debian2: version')).toEqual({ kind: 'elsewhere', name: 'debian2', command: 'version' });
    expect(parseLine('config eth0=daemon: x')).toEqual({ kind: 'remote', command: 'config eth0=daemon: x' });
    expect(parseLine('log hi: there')).toEqual({ kind: 'log', text: 'hi: there' });
  });
});

describe('text for the kernel log', () => {
  const texts = (text: string): string[] => logRequests(Buffer.from(text)).map((bytes) => bytes.toString());

  it('is one request, and one more for the newline that is missing', () => {
    expect(texts('hello')).toEqual(['log hello', 'log \n']);
    expect(texts('hello\n')).toEqual(['log hello\n']);
    expect(texts('')).toEqual(['log \n']);
  });

  it('is cut at line ends when it is long', () => {
    const line = `${'.'.repeat(199)}\n`;
    expect(texts(line.repeat(5))).toEqual([`log ${line}${line}`, `log ${line}${line}`, `log ${line}`]);
    expect(texts(`${'x'.repeat(505)}\ny\n`)).toEqual([`log ${'x'.repeat(505)}\n`, 'log y\n']);
  });

  it('is cut inside a line only if that does not fit, and never inside a character', () => {
    expect(texts('x'.repeat(600))).toEqual([`log ${'x'.repeat(506)}`, `log ${'x'.repeat(94)}`, 'log \n']);
    const pieces = logRequests(Buffer.from(`x${'ä'.repeat(400)}\n`));
    expect(pieces.map((bytes) => bytes.length <= 510)).toEqual([true, true]);
    expect(pieces.map((bytes) => bytes.toString().slice(4)).join('')).toBe(`x${'ä'.repeat(400)}\n`);
  });

  it('that is no UTF-8 comes through as it is', () => {
    const bytes = Buffer.alloc(1200, 0x80);
    const sent = Buffer.concat(logRequests(bytes).map((request) => request.subarray(4)));
    expect(sent).toEqual(Buffer.concat([bytes, Buffer.from('\n')]));
  });
});

describe('file names in config ubd…=', () => {
  const base = realpathSync(temporaryDirectory());
  mkdirSync(`${base}/sub`);
  symlinkSync(`${base}/sub`, `${base}/link`);
  const rewritten = (command: string): string => {
    const { command: result, problems } = absolutePaths(command, base);
    expect(problems).toEqual([]);
    return result;
  };

  it.each([
    ['config ubdb=disk', `config ubdb=${base}/disk`],
    ['config ubdb=sub/disk', `config ubdb=${base}/sub/disk`],
    ['config ubdb=sub/.././disk', `config ubdb=${base}/disk`],
    ['config ubdb=link/disk', `config ubdb=${base}/sub/disk`],
    ['config ubdbr=disk', `config ubdbr=${base}/disk`],
    ['config ubd3=cow,back', `config ubd3=${base}/cow,${base}/back`],
    ['config ubdb=cow:back', `config ubdb=${base}/cow:${base}/back`],
    ['config ubdb=cow:back,serial', `config ubdb=${base}/cow:${base}/back,serial`],
    ['config ubdb=disk,,serial', `config ubdb=${base}/disk,,serial`],
    ['config  ubdb=/etc/../disk', 'config  ubdb=/disk'],
    ['config ubdb=/disk', 'config ubdb=/disk'],
    ['config ubdb=/', 'config ubdb=/'],
    ['config ubdb=', 'config ubdb='],
    ['config ubd=sync', 'config ubd=sync'],
    ['config ubdb', 'config ubdb'],
    ['config ubdb =disk', 'config ubdb =disk'],
    ['config eth0=tuntap,tap0', 'config eth0=tuntap,tap0'],
    ['remove ubdb=disk', 'remove ubdb=disk'],
  ])('%s', (command, expected) => {
    expect(rewritten(command)).toBe(expected);
  });

  it('stay as they are, and it is said, where their directory is missing', () => {
    expect(absolutePaths('config ubdb=none/x,disk', base)).toEqual({
      command: `config ubdb=none/x,${base}/disk`,
      problems: ["absolutize : Can't cd to 'none', No such file or directory"],
    });
  });

  it("stay as they are where the directory's own name would be read as two", () => {
    mkdirSync(`${base}/a,b`);
    const { command, problems } = absolutePaths('config ubdb=disk', `${base}/a,b`);
    expect(command).toBe('config ubdb=disk');
    expect(problems).toHaveLength(1);
  });
});
