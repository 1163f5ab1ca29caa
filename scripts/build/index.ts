// `npm run build`: dist/uml.cjs with dist/assets (the form that npm installs) and dist/bin (the single binary, and a link a tool).
import { copyFileSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { tools } from '../../src/tools.ts';
import { buildBinary } from './binary.ts';
import { bundleProgram, bundleWorkers } from './bundle.ts';
import { dist, packageFile, root } from './paths.ts';

const began = performance.now();
const bundle = await bundleProgram();
const assets = { ...(await bundleWorkers()), ...(await copyAssets()) };
const made = await buildBinary(bundle, assets);
for (const { name } of tools) link(name);

const binary = join(dist, 'bin/uml');
const size = (statSync(binary).size / 2 ** 20).toFixed(0);
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(
  `${relative(root, binary)}: ${size} MiB, ${tools.length} tools${made ? '' : ', up to date'} (${seconds} s)`,
);

/** Puts the files that travel with the program into dist/assets: name and file of each. */
async function copyAssets(): Promise<Record<string, string>> {
  const sources: Record<string, string> = { 'v86.wasm': packageFile('v86', 'build/v86.wasm') };
  const assets: Record<string, string> = {};
  mkdirSync(join(dist, 'assets'), { recursive: true });
  for (const [name, source] of Object.entries(sources)) {
    assets[name] = join(dist, 'assets', name);
    copyFileSync(source, assets[name]);
  }
  return assets;
}

function link(name: string): void {
  const path = join(dist, 'bin', name);
  rmSync(path, { force: true });
  symlinkSync('uml', path);
}
