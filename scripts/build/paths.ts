import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** The project's root, and where the build puts things. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));
export const dist: string = join(root, 'dist');

/** A file of an npm package, named by the package and the path inside it. */
export function packageFile(name: string, path: string): string {
  return join(dirname(require.resolve(`${name}/package.json`)), path);
}
