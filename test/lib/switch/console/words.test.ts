import { describe, expect, test } from 'vitest';
import { encodeAnswer, readEnd } from '../../../../src/lib/switch/console/answer.ts';
import { LineSplitter, MOST_LINE } from '../../../../src/lib/switch/console/lines.ts';
import { joinWords, shown, splitWords } from '../../../../src/lib/switch/console/words.ts';

describe('words of a line', () => {
  test.each<[string, string[]]>([
    ['', []],
    ['  \t ', []],
    ['port list', ['port', 'list']],
    ['  port   list  ', ['port', 'list']],
    ['port name 5 "web server"', ['port', 'name', '5', 'web server']],
    ['a "" b', ['a', '', 'b']],
    ['"a \\"b\\" \\\\ c"', ['a "b" \\ c']],
  ])('%j', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  test.each(['"open', 'a"b', '"a"b', 'x "y'])('%j is refused', (line) => {
    expect(() => splitWords(line)).toThrow(/a quote is not closed, or in a word/);
  });

  test('joined and taken apart, they are the same', () => {
    for (const words of [['a', 'b'], [''], ['a b', '"', '\\', 'x"y\\'], ['ü', '\t', '\u00a0'], ['--json']]) {
      expect(splitWords(joinWords(words))).toEqual(words);
    }
  });

  test('what is shown of bad input is one short line without control characters', () => {
    expect(shown('a\x1b[31m\nb\u202e')).toBe("'a?[31m?b?'");
    expect(shown('x'.repeat(1000)).length).toBeLessThan(70);
  });
});

describe('lines of a stream', () => {
  test('come whole, whatever the pieces; CR LF is an end too', () => {
    const splitter = new LineSplitter();
    const pieces = ['po', 'rt list\nki', 'nd\r\n\n', 'x'].map((text) => splitter.add(Buffer.from(text)));
    expect(pieces).toEqual([[], ['port list'], ['kind', ''], []]);
    expect(splitter.isOverlong).toBe(false);
  });

  test('a line without an end is noticed', () => {
    const splitter = new LineSplitter();
    splitter.add(Buffer.alloc(MOST_LINE, 97));
    expect(splitter.isOverlong).toBe(false);
    expect(splitter.add(Buffer.from('aa\nkind\n'))).toEqual([]);
    expect(splitter.isOverlong).toBe(true);
  });
});

describe('answers', () => {
  test('in text: lines, then OK; a line that looks like the last is set off', () => {
    expect(encodeAnswer({ answer: 'done', json: 1, lines: ['a', 'OK', 'ERR x', 'OKAY'] }, 'text')).toBe(
      'a\n OK\n ERR x\nOKAY\nOK\n',
    );
    expect(encodeAnswer({ answer: 'refused', code: 'VALUE', message: 'no' }, 'text')).toBe('ERR no\n');
    expect(encodeAnswer({ answer: 'stream' }, 'text')).toBe('STREAM\n');
  });

  test('in JSON: one line', () => {
    expect(encodeAnswer({ answer: 'done', json: { a: '\n' }, lines: [] }, 'json')).toBe(
      '{"ok":true,"result":{"a":"\\n"}}\n',
    );
    expect(encodeAnswer({ answer: 'refused', code: 'VALUE', message: 'no' }, 'json')).toBe(
      '{"ok":false,"error":{"code":"VALUE","message":"no"}}\n',
    );
  });

  test('their ends are read', () => {
    expect([
      readEnd('x', 'text'),
      readEnd('OK', 'text'),
      readEnd('STREAM', 'text'),
      readEnd('ERR a b', 'text'),
    ]).toEqual([undefined, 'OK', 'STREAM', { reason: 'a b' }]);
    expect(readEnd('{"ok":true,"stream":true}', 'json')).toBe('STREAM');
    expect(readEnd('{"ok":false,"error":{"code":"A","message":"no"}}', 'json')).toEqual({ reason: 'no' });
    expect(readEnd('garbage', 'json')).toEqual({ reason: 'garbage' });
  });
});
