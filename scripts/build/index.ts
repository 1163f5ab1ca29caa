// `npm run build`: dist/uml.cjs with dist/tools and dist/assets (the form that npm installs) and dist/bin (the single binary, and a link a tool).
import { copyFileSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { findGuestKernel } from '../../src/emulator/guest/index.ts';
import { linkNames, tools } from '../../src/tools.ts';
import { buildBinary } from './binary.ts';
import { bundleLibraries, bundleProgram, bundleTools, bundleWorkers } from './bundle.ts';
import { dist, packageFile, root } from './paths.ts';

const began = performance.now();
const program = await bundleProgram();
await bundleLibraries();
const toolAssets = await bundleTools();
const assets = { ...(await bundleWorkers()), ...copyAssets() };
const made = await buildBinary(program.binary, { code: toolAssets, data: assets });
for (const name of linkNames) link(name);

const binary = join(dist, 'bin/uml');
const size = (statSync(binary).size / 2 ** 20).toFixed(0);
const kernel = assets.vmlinux ? 'with' : 'without';
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(
  `${relative(root, binary)}: ${size} MiB, ${tools.length} tools, ${kernel} the guest kernel${made ? '' : ', up to date'} (${seconds} s)`,
);

/**
 * Puts the files that travel with the program into dist/assets: name and file of each. The guest kernel goes along if
 * it was built (`npm run guest`); without it `linux` looks for one in the user's cache.
 */
function copyAssets(): Record<string, string> {
  const kernel = findGuestKernel();
  const sources: Record<string, string | undefined> = {
    'v86.wasm': packageFile('v86', 'build/v86.wasm'),
    vmlinux: kernel?.vmlinux,
    'guest-config': kernel?.config,
  };
  const assets: Record<string, string> = {};
  mkdirSync(join(dist, 'assets'), { recursive: true });
  for (const [name, source] of Object.entries(sources)) {
    const file = join(dist, 'assets', name);
    rmSync(file, { force: true });
    if (source === undefined) continue;
    copyFileSync(source, file);
    assets[name] = file;
  }
  return assets;
}

function link(name: string): void {
  const path = join(dist, 'bin', name);
  rmSync(path, { force: true });
  symlinkSync('uml', path);
}
