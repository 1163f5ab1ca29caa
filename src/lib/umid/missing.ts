import { hasCode } from '../os/index.ts';

/** Runs a file operation; `missing` where the file is not there. */
export function unlessMissing<T, M>(operation: () => T, missing: M): T | M {
  try {
    return operation();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return missing;
    throw error;
  }
}
