import { chmodSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { dist, root } from './paths.ts';

const shim = join(root, 'src/shims/string-width.ts');
const stringWidth: Plugin = {
  name: 'string-width',
  setup(builder) {
    builder.onResolve({ filter: /^string-width$/ }, ({ importer }) => (importer === shim ? undefined : { path: shim }));
  },
};

// The program is one CommonJS file, because that is what a Node single executable runs; esbuild makes of each import()
// of our own modules a wrapper that runs on first use, so a tool still pays only for what it loads.
const shared: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { 'import.meta.url': '__import_meta_url', 'import.meta.dirname': '__dirname', __BUNDLED__: 'true' },
  plugins: [stringWidth],
  logLevel: 'warning',
};
const prologue = 'const __import_meta_url=require("node:url").pathToFileURL(__filename).href;';

/** Worker threads can't share the program's file inside the binary, so each is a bundle of its own, carried as an asset. */
const WORKERS: Readonly<Record<string, string>> = {
  'switch-worker.cjs': 'src/lib/switch/plane/worker-entry.ts',
};

/**
 * Bundles the program twice: for npm without v86, which is two thirds of it and which npm installs beside it, so that
 * the tools that do not boot start 10 ms sooner; and with v86 for the binary.
 */
export async function bundleProgram(): Promise<{ npm: string; binary: string }> {
  const files = { npm: join(dist, 'uml.cjs'), binary: join(dist, 'bin/.uml.cjs') };
  const banner = `#!/usr/bin/env node\n"use strict";${prologue}`;
  await bundle('src/main.ts', files.npm, { banner, external: ['koffi', 'v86'] });
  await bundle('src/main.ts', files.binary, { banner, external: ['koffi'] });
  chmodSync(files.npm, 0o755);
  return files;
}

/** Bundles the workers into dist/assets and returns the assets: name and file. */
export async function bundleWorkers(): Promise<Record<string, string>> {
  const assets: Record<string, string> = {};
  for (const [name, entry] of Object.entries(WORKERS)) {
    assets[name] = join(dist, 'assets', name);
    await bundle(entry, assets[name], { banner: `"use strict";${prologue}`, external: ['koffi'] });
  }
  return assets;
}

/** The subjects that npm's users can import (package.json's exports), as ES modules beside the program. */
const LIBRARIES = ['cow', 'humfs', 'mconsole', 'switch', 'tuntap', 'umid'];

export async function bundleLibraries(): Promise<void> {
  for (const file of globSync('shared-*.js', { cwd: dist })) rmSync(join(dist, file));
  await build({
    ...shared,
    entryPoints: LIBRARIES.map((name) => ({ in: join(root, 'src/lib', name, 'index.ts'), out: name })),
    outdir: dist,
    external: ['koffi'],
    chunkNames: 'shared-[hash]',
    format: 'esm',
    splitting: true,
    define: { __BUNDLED__: 'true' },
  }).catch(() => process.exit(1));
}

/**
 * Bundles one file. koffi is always external, being an addon: it comes from node_modules, or from the binary's assets
 * (src/lib/os/koffi.ts). The new file takes the old one's place whole, as a program may just be starting from it.
 */
async function bundle(
  entry: string,
  file: string,
  { banner, external }: { banner: string; external: string[] },
): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const fresh = `${file}.${process.pid}`;
  await build({ ...shared, entryPoints: [join(root, entry)], outfile: fresh, banner: { js: banner }, external }).catch(
    () => {
      process.exit(1); // esbuild has said what is wrong, and where
    },
  );
  renameSync(fresh, file);
}
