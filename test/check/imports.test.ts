import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { breaches } from '../../scripts/check/imports.ts';
import { root, temporaryDirectory } from '../support/run.ts';

/** The breaches of a source tree of these files, on top of a sound one. */
function checked(files: Record<string, string>): string[] {
  const directory = temporaryDirectory();
  const sound = {
    'src/main.ts': "import { tools } from './tools.ts';",
    'src/tools.ts': "export const load = () => import('./commands/uml_moo.ts');",
    'src/commands/uml_moo.ts': "import { Overlay } from '../lib/cow/index.ts';\nprocess.exit(1);",
    'src/emulator/index.ts': "export { Machine } from './cpu/index.ts';",
    'src/emulator/cpu/index.ts': "import { V86 } from 'v86';\nimport { asset } from '../../lib/os/index.ts';",
    'src/lib/cow/index.ts': "export { Overlay } from './overlay.ts';",
    'src/lib/cow/overlay.ts': "import { punchHole } from '../os/index.ts';\n// console.log is not for us",
    'src/lib/os/index.ts': "export * from './libc.ts';",
    'src/lib/os/libc.ts': "import type { LibraryHandle } from 'koffi';\nimport { join } from 'node:path';",
  };
  for (const [name, text] of Object.entries({ ...sound, ...files })) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return breaches(directory);
}

test('our own sources keep to the arrows', () => {
  expect(breaches(root)).toEqual([]);
});

test('a sound tree has no breaches', () => {
  expect(checked({})).toEqual([]);
});

test.each([
  ['src/lib/cow/overlay.ts', "import { main } from '../../commands/uml_moo.ts';"],
  ['src/lib/cow/overlay.ts', "import type { Machine } from '../../emulator/index.ts';"],
  ['src/lib/os/libc.ts', "export { Overlay } from '../cow/index.ts';"],
  ['src/emulator/cpu/index.ts', "const tool = await import('../../main.ts');"],
])('%s must not import upwards', (file, text) => {
  expect(checked({ [file]: text })).toEqual([expect.stringMatching(new RegExp(`^${file}: .* goes up: `))]);
});

test.each([
  ['src/commands/uml_moo.ts', "import { Overlay } from '../lib/cow/overlay.ts';", 'src/lib/cow/index.ts'],
  ['src/lib/cow/overlay.ts', "import { libc } from '../os/libc.ts';", 'src/lib/os/index.ts'],
  ['src/emulator/bus/index.ts', "import {\n  machine,\n} from '../cpu/machine.ts';", 'src/emulator/cpu/index.ts'],
])('%s must not import past a door', (file, text, door) => {
  expect(checked({ [file]: text })).toEqual([expect.stringContaining(` goes past ${door}`)]);
});

test('two subjects must not import each other', () => {
  const files = {
    'src/lib/umid/index.ts': "import '../mconsole/index.ts';",
    'src/lib/mconsole/index.ts': "import { find } from '../umid/index.ts';",
  };
  expect(checked(files)).toEqual([
    'src/lib/mconsole -> src/lib/umid -> src/lib/mconsole: these import each other in a ring',
  ]);
});

test('packages with undocumented sides are used in one place', () => {
  expect(checked({ 'src/lib/cow/overlay.ts': "import koffi from 'koffi';" })).toEqual([
    "src/lib/cow/overlay.ts: 'koffi' is for src/lib/os alone",
  ]);
});

test.each(['console.error(1)', 'process.exit(1)', 'process.stdout.write("x")', 'const args = process.argv'])(
  'a library must not say %s',
  (text) => {
    expect(checked({ 'src/lib/cow/overlay.ts': text })).toHaveLength(1);
  },
);
