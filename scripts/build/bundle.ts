import { chmodSync, globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { tools } from '../../src/tools.ts';
import { dist, root } from './paths.ts';

const shim = join(root, 'src/shims/string-width.ts');
const stringWidth: Plugin = {
  name: 'string-width',
  setup(builder) {
    builder.onResolve({ filter: /^string-width$/ }, ({ importer }) => (importer === shim ? undefined : { path: shim }));
  },
};

// The program is CommonJS, because that is what a Node single executable runs: main.ts, and each tool by itself, so that
// a start reads nothing of the other tools.
const shared: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: {
    'import.meta.url': '__import_meta_url',
    'import.meta.dirname': '__import_meta_dirname',
    __BUNDLED__: 'true',
  },
  supported: { 'dynamic-import': false },
  plugins: [stringWidth],
  logLevel: 'warning',
};
/** Every file of the program takes itself for one in dist. `depth` is how far below that it lies. */
const prologue = (depth: '.' | '..'): string =>
  `"use strict";const __import_meta_dirname=require("node:path").join(__dirname,"${depth}"),` +
  '__import_meta_url=require("node:url").pathToFileURL(__import_meta_dirname+"/").href;';

/** Worker threads can't share the program's file inside the binary, so each is a bundle of its own, carried as an asset. */
const WORKERS: Readonly<Record<string, string>> = {
  'switch-worker.cjs': 'src/lib/switch/plane/worker-entry.ts',
};

/** Where main.ts finds the tools: beside it for npm, inside the binary there. */
const toolsBeside: Plugin = {
  name: 'tools',
  setup(builder) {
    builder.onResolve({ filter: /^\.\/commands\// }, ({ path }) => ({
      path: `./tools/${nameOf(path)}.cjs`,
      external: true,
    }));
  },
};
const toolsInside: Plugin = {
  name: 'tools',
  setup(builder) {
    builder.onResolve({ filter: /^\.\/commands\// }, ({ path }) => ({ path: nameOf(path), namespace: 'tool' }));
    builder.onLoad({ filter: /./, namespace: 'tool' }, ({ path }) => ({
      contents: `import { bundledTool } from './src/bundled.ts'; export const { main } = bundledTool('${path}');`,
      resolveDir: root,
    }));
  },
};
const nameOf = (path: string): string => basename(path, '.ts');

/** The program's first file, for npm and for the binary. */
export async function bundleProgram(): Promise<{ npm: string; binary: string }> {
  const files = { npm: join(dist, 'uml.cjs'), binary: join(dist, 'bin/.uml.cjs') };
  const banner = `#!/usr/bin/env node\n${prologue('.')}`;
  await bundle('src/main.ts', files.npm, { banner, external: ['koffi'], plugins: [toolsBeside] });
  await bundle('src/main.ts', files.binary, { banner, external: ['koffi'], plugins: [toolsInside] });
  chmodSync(files.npm, 0o755);
  return files;
}

/**
 * Bundles each tool, for npm into dist/tools. The binary's differs where v86 is used, which npm installs beside it.
 * @returns the binary's, as assets: name and file
 */
export async function bundleTools(): Promise<Record<string, string>> {
  const assets: Record<string, string> = {};
  const banner = prologue('..');
  await Promise.all(
    tools.map(async ({ name }) => {
      const file = `tools/${name}.cjs`;
      assets[file] = join(dist, 'bin', `.${name}.cjs`);
      await bundle(`src/commands/${name}.ts`, join(dist, file), { banner, external: ['koffi', 'v86'] });
      await bundle(`src/commands/${name}.ts`, assets[file], { banner, external: ['koffi'] });
    }),
  );
  return assets;
}

/** Bundles the workers into dist/assets and returns the assets: name and file. */
export async function bundleWorkers(): Promise<Record<string, string>> {
  const assets: Record<string, string> = {};
  for (const [name, entry] of Object.entries(WORKERS)) {
    assets[name] = join(dist, 'assets', name);
    await bundle(entry, assets[name], { banner: prologue('..'), external: ['koffi'] });
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
    supported: {},
  }).catch(() => process.exit(1));
}

/**
 * Bundles one file. koffi is always external, being an addon: it comes from node_modules, or from the binary's assets
 * (src/lib/os/koffi.ts). The new file takes the old one's place whole, as a program may just be starting from it.
 */
async function bundle(
  entry: string,
  file: string,
  { banner, external, plugins = [] }: { banner: string; external: string[]; plugins?: Plugin[] },
): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  const fresh = `${file}.${process.pid}`;
  const options: BuildOptions = {
    ...shared,
    entryPoints: [join(root, entry)],
    outfile: fresh,
    banner: { js: banner },
    external,
    plugins: [stringWidth, ...plugins],
  };
  await build(options).catch(() => {
    process.exit(1); // esbuild has said what is wrong, and where
  });
  renameSync(fresh, file);
}
