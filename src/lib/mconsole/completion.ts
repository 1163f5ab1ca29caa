import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What a line may be completed from, asked for only as it is needed. */
export interface CompletionSources {
  /** The words that begin a command, of the client and of the instance. */
  commands(): Promise<readonly string[]>;
  /** The devices that the instance has. */
  devices(): Promise<readonly string[]>;
  /** The instances that are there. */
  umids(): readonly string[];
}

/** What the last piece of a line could become, and that piece, as node:readline takes them. */
export type Completion = [candidates: string[], piece: string];

/**
 * Completes a line: the command, the instance of `switch`, the device of `config` and `remove`, and file names where a
 * command has them (`config ubdb=`, `log -f`). A candidate that is the only one ends in a blank, if the word is complete.
 * @param directory what relative file names are relative to
 */
export async function completionsOf(line: string, sources: CompletionSources, directory: string): Promise<Completion> {
  const [, head = '', piece = ''] = /^(.*?)(\S*)$/s.exec(line) ?? [];
  const words = head.trim().split(/\s+/);
  const file = /^config\s+ubd\w+=(?:.*[,:])?([^,:]*)$/s.exec(line) ?? /^log\s+-f\s+(.*)$/s.exec(line);
  if (file) return [filesFrom(file[1] ?? '', directory), file[1] ?? ''];
  if (head === '') return whole(await sources.commands(), piece);
  if (words.length > 1) return [[], piece];
  switch (words[0]) {
    case 'switch':
      return whole(sources.umids(), piece);
    case 'remove':
      return whole(await sources.devices(), piece);
    case 'config':
      return [(await sources.devices()).filter((device) => device.startsWith(piece)), piece];
    default:
      return [[], piece];
  }
}

function whole(words: readonly string[], piece: string): Completion {
  const fitting = [...new Set(words)].filter((word) => word.startsWith(piece)).sort();
  return [fitting.length === 1 ? fitting.map((word) => `${word} `) : fitting, piece];
}

/** The files whose names begin so, as the user would have written them; directories with a slash. */
function filesFrom(prefix: string, directory: string): string[] {
  const start = basename(prefix);
  const parent = prefix.endsWith('/') || prefix === '' ? prefix : prefix.slice(0, prefix.length - start.length);
  const wanted = parent === prefix ? '' : start;
  const place = parent === '' ? directory : join(parent.startsWith('/') ? '' : directory, parent);
  try {
    return readdirSync(place)
      .filter((name) => name.startsWith(wanted) && (wanted !== '' || !name.startsWith('.')))
      .sort()
      .map((name) => parent + name + (isDirectory(join(place, name)) ? '/' : ''));
  } catch {
    return []; // no such directory, or not to be read: nothing to offer
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
