import { dirname } from 'node:path';
import { Script } from 'node:vm';
import { asset } from './lib/os/index.ts';
import type { Tool } from './tools.ts';

/** What Node wraps a CommonJS module in. Compiled code that was kept (scripts/build/code-cache.ts) belongs to just this text. */
export const wrap = (source: string): string => `(function(exports,require,module,__filename,__dirname){${source}\n})`;

type Wrapped = (exports: object, require: NodeJS.Require, module: object, filename: string, dirname: string) => void;

/** A tool from inside the single binary: its source, which is ASCII, and V8's compiled code of it. */
export function bundledTool(name: string): Tool {
  const source = asset(`tools/${name}.cjs`);
  if (!source) throw new Error(`this binary was built without ${name}`);
  const text = Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString('latin1');
  const script = new Script(wrap(text), { filename: `${name}.cjs`, cachedData: asset(`tools/${name}.cache`) });
  const module = { exports: {} as Tool };
  const { execPath } = process;
  (script.runInThisContext() as Wrapped)(module.exports, require, module, execPath, dirname(execPath));
  return module.exports;
}
