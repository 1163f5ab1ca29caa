import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { completionsOf, History } from '../../../src/lib/mconsole/index.ts';
import { temporaryDirectory } from '../../support/run.ts';

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});

describe('a line', () => {
  const sources = {
    commands: async () => ['version', 'remove', 'reboot', 'config', 'log', 'log'],
    devices: async () => ['ubda', 'ubdb', 'con0'],
    umids: () => ['debian1', 'debian2', 'fedora'],
  };

  it.each([
    ['v', ['version '], 'v'],
    ['re', ['reboot', 'remove'], 're'],
    ['lo', ['log '], 'lo'],
    ['x', [], 'x'],
    ['', ['config', 'log', 'reboot', 'remove', 'version'], ''],
    ['switch ', ['debian1', 'debian2', 'fedora'], ''],
    ['switch f', ['fedora '], 'f'],
    ['remove c', ['con0 '], 'c'],
    ['config ubd', ['ubda', 'ubdb'], 'ubd'],
    ['config con', ['con0'], 'con'],
    ['config ubdb=d', ['disk1', 'disk2'], 'd'],
    ['config ubdb=disk1,s', ['sub/'], 's'],
    ['config ubdb=sub/', ['sub/cow', 'sub/deep/'], 'sub/'],
    ['config ubdb=sub/c', ['sub/cow'], 'sub/c'],
    ['config ubdb=.h', ['.hidden'], '.h'],
    ['config ubdb=none/', [], 'none/'],
    ['log -f su', ['sub/'], 'su'],
    ['log text su', [], 'su'],
    ['config ubdb extra', [], 'extra'],
    ['version ', [], ''],
  ])('%j', async (line, candidates, piece) => {
    mkdirSync(`${directory}/sub/deep`, { recursive: true });
    for (const file of ['disk1', 'disk2', '.hidden', 'sub/cow']) writeFileSync(`${directory}/${file}`, '');
    expect(await completionsOf(line, sources, directory)).toEqual([candidates, piece]);
  });

  it('with the beginning of a full path', async () => {
    writeFileSync(`${directory}/disk`, '');
    const line = `config ubdb=${directory}/di`;
    expect(await completionsOf(line, sources, '/')).toEqual([[`${directory}/disk`], `${directory}/di`]);
  });
});

describe('a history', () => {
  it('keeps the last lines, and the file does not grow without end', () => {
    const path = `${directory}/history`;
    const lines = Array.from({ length: 1001 }, (_, i) => `line ${i}`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    const history = new History(path);
    expect(history.lines).toEqual(lines.slice(-500));
    history.add('line 1000');
    history.add('  ');
    history.add('new');
    expect(readFileSync(path, 'utf8')).toBe(`${[...lines.slice(-500), 'new'].join('\n')}\n`);
  });

  it('of which there can be no file is no obstacle', () => {
    const history = new History(`${directory}/none/history`);
    history.add('version');
    expect(history.lines).toEqual([]);
  });
});
