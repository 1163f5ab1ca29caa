// Run by the Node that becomes the binary: compiles CommonJS modules and keeps V8's code of each, that of what runs at
// the start included. Arguments: files, each with the one that its code goes into after it.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';
import { wrap } from '../../src/bundled.ts';

const require = createRequire(import.meta.url);
const [, , ...words] = process.argv;
for (let at = 0; at < words.length; at += 2) {
  const [file = '', into = ''] = words.slice(at, at + 2);
  const script = new Script(wrap(readFileSync(file, 'latin1')));
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, file, import.meta.dirname);
  writeFileSync(into, script.createCachedData());
}
