import { expect, test } from 'vitest';
import { table } from '../../../src/lib/cli/index.ts';

test('columns are as wide as their widest cell; a missing cell is empty', () => {
  expect(table([['NAME', 'N'], ['a', '1'], ['longer'], ['ä', '22']])).toEqual([
    'NAME    N',
    'a       1',
    'longer',
    'ä       22',
  ]);
});

test('what a name holds does nothing to the terminal', () => {
  expect(table([['\x1b[31m\u009bm\n\x7f', 'x']])).toEqual(['?[31m?m??  x']);
});
