import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { helpText, OPTIONS, parseCommandLine } from '../../../src/emulator/cmdline/index.ts';
import { root } from '../../support/run.ts';

describe('--help', () => {
  it("has UML's form", () => {
    const text = helpText('6.1.192');
    expect(text).toMatch(/^User Mode Linux v6\.1\.192\n\t.*\n\n/);
    expect(text).toContain('\n--version\n    Prints ');
    expect(text.endsWith('\n\n')).toBe(true);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('is told of each option in the manual page too, and of no other', () => {
    const page = readFileSync(join(root, 'man/linux.1'), 'latin1').replace(/\\-/g, '-').replace(/\\f./g, '');
    const options = page.slice(page.indexOf('.SH OPTIONS'), page.indexOf('.SH EXIT STATUS'));
    const keys = OPTIONS.map(({ usage }) => /^[-a-z_]+=?/.exec(usage)![0]);
    for (const key of keys) expect(options).toContain(key);
    const heads = Array.from(options.matchAll(/^\.TP\n(?:\.BI? )?([-a-z_]+=?)/gm), ([, key]) => key!);
    const known = [...keys, 'r', 's', 'd', 'c', 't', 'fd', 'pts', 'pty', 'tty', 'null', 'none'];
    expect(heads.filter((head) => !known.some((key) => head.startsWith(key)))).toEqual([]);
  });

  it('knows only words that the command line takes in', () => {
    for (const { usage } of OPTIONS.filter(({ usage }) => usage.startsWith('--'))) {
      expect(parseCommandLine([usage]).action).toBe(usage.slice(2));
    }
  });
});
