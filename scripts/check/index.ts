// `npm run check`, last part: the arrows between the parts of src/.
import { fileURLToPath } from 'node:url';
import { breaches } from './imports.ts';

const found = breaches(fileURLToPath(new URL('../..', import.meta.url)));
for (const line of found) console.error(line);
if (found.length > 0) process.exitCode = 1;
