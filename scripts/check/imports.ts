import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** The layers of src/, from the top; a file imports from its own layer or from below (docs/architecture.md). */
const LAYERS = ['src', 'src/commands', 'src/emulator', 'src/lib', 'src/lib/os'] as const;
/** Folders that hold a subject each, with index.ts as its only door. */
const SUBJECTS = ['src/lib', 'src/emulator'];
/** Packages that one place alone may use, so that a change of theirs is met in one place. */
const PACKAGES: Readonly<Record<string, string>> = { koffi: 'src/lib/os', v86: 'src/emulator/cpu' };
/** A library leaves these to the commands. */
const OF_THE_PROCESS = /\b(?:console\.\w+(?=\()|process\.(?:argv|exit|exitCode|stdin|stdout|stderr))\b/;
/** Programs that live beside what they run. */
const PROGRAMS = ['src/emulator/guest/build.ts'];

/**
 * Checks the arrows between the parts of a source tree.
 * @param root the folder that holds src/
 * @returns a line for each breach, `file: what is wrong`; none if all is well
 */
export function breaches(root: string): string[] {
  const found: string[] = [];
  const uses = new Map<string, Set<string>>();
  for (const file of sources(root)) {
    const text = readFileSync(join(root, file), 'utf8');
    for (const word of importsOf(text)) {
      const problem = word.startsWith('.')
        ? relativeImport(root, file, relative(root, resolve(root, dirname(file), word)), uses)
        : packageImport(file, word);
      if (problem) found.push(`${file}: '${word}' ${problem}`);
    }
    const word = layerOf(file) >= LAYERS.indexOf('src/emulator') && OF_THE_PROCESS.exec(withoutComments(text))?.[0];
    if (word && !PROGRAMS.includes(file)) found.push(`${file}: ${word} belongs to a command, a library is handed it`);
  }
  for (const ring of rings(uses)) found.push(`${ring.join(' -> ')}: these import each other in a ring`);
  return found;
}

function sources(root: string): string[] {
  const names = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('src', name))
    .sort();
}

/** What a file imports: static, re-exported, types, and import() of a literal. */
function importsOf(text: string): string[] {
  const words = withoutComments(text).matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|^import\s+)'([^']+)'/gm);
  return [...words].map((match) => match[1] ?? '');
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

function relativeImport(root: string, from: string, to: string, uses: Map<string, Set<string>>): string | undefined {
  if (layerOf(to) < layerOf(from)) return 'goes up: imports run commands -> emulator -> lib/<subject> -> lib/os';
  const [own, other] = [subjectOf(from), subjectOf(to)];
  if (other === undefined || own === other) return undefined;
  if (own !== undefined) uses.set(own, (uses.get(own) ?? new Set()).add(other));
  const door = join(other, 'index.ts');
  return to !== door && existsSync(join(root, door)) ? `goes past ${door}` : undefined;
}

function packageImport(file: string, word: string): string | undefined {
  const home = PACKAGES[word];
  return home === undefined || file.startsWith(`${home}/`) ? undefined : `is for ${home} alone`;
}

function layerOf(file: string): number {
  return LAYERS.findLastIndex((layer) => file.startsWith(`${layer}/`));
}

function subjectOf(file: string): string | undefined {
  const parent = SUBJECTS.find((folder) => file.startsWith(`${folder}/`));
  const rest = parent === undefined ? [] : relative(parent, file).split('/');
  return rest.length > 1 ? join(parent ?? '', rest[0] ?? '') : undefined;
}

/** The rings of subjects that use each other, each found once. */
function rings(uses: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (subject: string, path: readonly string[]): void => {
    const at = path.indexOf(subject);
    if (at >= 0) found.push([...path.slice(at), subject]);
    if (at >= 0 || done.has(subject)) return;
    for (const next of uses.get(subject) ?? []) visit(next, [...path, subject]);
    done.add(subject);
  };
  for (const subject of uses.keys()) visit(subject, []);
  return found;
}
