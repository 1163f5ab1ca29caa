import { expect, test } from 'vitest';
import { hasRaisedRights } from '../../../src/lib/os/index.ts';
import { asNobody } from '../../support/nobody.ts';
import { runProgram } from '../../support/run.ts';
import { sourceCommand } from '../../support/source.ts';

const os = new URL('../../../src/lib/os/index.ts', import.meta.url);

// That file capabilities and set-id bits are noticed, test/interop/uml_net-capability.test.ts proves on copies that have them.
test('a program has the rights of whoever started it, also if those are capabilities', async () => {
  expect(hasRaisedRights()).toBe(false);
  const [file, ...words] = asNobody(...sourceCommand(os, 'console.log(it.hasRaisedRights());'));
  expect(await runProgram(file, words, { cwd: '/' })).toMatchObject({ status: 0, stdout: 'false\n' });
});
