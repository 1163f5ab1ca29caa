import type { Directory, Status } from '../os/index.ts';
import { HumfsError } from './error.ts';
import {
  closeLevel,
  DATA,
  DIRECTORIES,
  dataPath,
  enterLevel,
  entriesOf,
  FILES,
  findSuperblock,
  joined,
  type Level,
  OLD,
  openRoot,
  openTop,
  readSuperblock,
  recordedFor,
} from './layout.ts';
import type { Node } from './metadata.ts';
import { makeNodes, type NodeEntry, type NodeWork, noteNode } from './nodes.ts';
import { give } from './ownership.ts';
import { pace, type Watch, type Work } from './pace.ts';
import { openStaging, Staging } from './staging.ts';

export interface RestoreOptions extends Watch {
  /** The directory that holds `data`; the current one unless it is given. */
  directory?: string;
}

/** What undoing a conversion does, or did. */
export interface Restoration {
  /** Objects that get back what their metadata says. */
  objects: number;
  /** Empty files that become the nodes that they stand for. */
  nodes: number;
  /** Of the metadata. */
  version: 1 | 2;
  /** What could not be done. While there is any, the metadata stays. */
  problems: readonly HumfsError[];
}

/**
 * Makes a humfs tree a host's tree again, as `humfsify -r` does: owners, modes and nodes from the metadata, which is
 * removed when all went well; the superblock stays. Data without metadata is left alone. It may be killed at any
 * instant and is finished by running it again.
 * @throws HumfsError; what is wrong with single objects is in the result
 */
export async function restoreTree(options: RestoreOptions = {}): Promise<Restoration> {
  const root = openRoot(options.directory);
  try {
    if (!root.lock()) throw new HumfsError('busy', '');
    const wasKilled = Staging.wasLeft(root);
    if (!wasKilled) checkSuperblock(root);
    const staging = openStaging(root);
    try {
      if (wasKilled && !hasMetadata(root)) return { objects: 0, nodes: 0, version: 2, problems: [] }; // all was done but clearing up
      if (wasKilled) checkSuperblock(root);
      return await restore(root, staging, options);
    } finally {
      staging.remove();
    }
  } finally {
    root.close();
  }
}

/** What restoreTree() would do; changes nothing. */
export async function planRestoration(options: RestoreOptions = {}): Promise<Restoration> {
  const root = openRoot(options.directory);
  try {
    checkSuperblock(root);
    const top = openTop(root);
    try {
      return await run(new Restorer(), top, options);
    } finally {
      closeLevel(top);
    }
  } finally {
    root.close();
  }
}

async function restore(root: Directory, staging: Staging, options: RestoreOptions): Promise<Restoration> {
  const top = openTop(root);
  try {
    const result = await run(new Restorer({ data: top.data, staging, done: new Map() }), top, options);
    if (result.problems.length > 0) return result;
    top.data.syncFileSystem();
    staging.takeAway(top.old ? [DIRECTORIES, FILES, OLD] : [DIRECTORIES, FILES]);
    return result;
  } finally {
    closeLevel(top);
  }
}

async function run(restorer: Restorer, top: Level, { signal, progress }: RestoreOptions): Promise<Restoration> {
  let total = 0;
  if (progress) await pace(new Restorer().walk(top), signal, () => void total++);
  let done = 0;
  await pace(restorer.walk(top), signal, () => progress?.(++done, total));
  return restorer.result(top.old && !top.directories ? 1 : 2);
}

function hasMetadata(root: Directory): boolean {
  const names = findSuperblock(root)?.version === 1 ? [FILES, DIRECTORIES, OLD] : [FILES, DIRECTORIES];
  return names.some((name) => root.look(name)?.type === 'directory');
}

/** A conversion that was killed has no superblock yet, and can be undone all the same. */
function checkSuperblock(root: Directory): void {
  const superblock = findSuperblock(root);
  if (hasMetadata(root)) return;
  if (!superblock) readSuperblock(root); // says why there is none
  throw new HumfsError('no-metadata', DATA);
}

/** Walks through a humfs tree and undoes it; without `work` it only looks. */
class Restorer {
  readonly #work: NodeWork | undefined;
  readonly #problems: HumfsError[] = [];
  #objects = 0;
  #nodes = 0;

  constructor(work?: NodeWork) {
    this.#work = work;
  }

  result(version: 1 | 2): Restoration {
    return { objects: this.#objects, nodes: this.#nodes, version, problems: this.#problems };
  }

  /** What a directory holds comes before it: its own mode may keep others out. */
  *walk(level: Level, mount = level.data.status('.').mount): Work {
    const { data, path } = level;
    const empties: NodeEntry[] = [];
    for (const { name, status } of entriesOf(level)) {
      if (status.mount !== mount) throw new HumfsError('mounted', dataPath(path, name));
      if (status.type === 'directory') {
        const inner = enterLevel(level, name);
        try {
          yield this.walk(inner, mount);
        } finally {
          closeLevel(inner);
        }
      } else {
        this.#attempt(() => this.#object(level, name, status, empties));
        yield;
      }
    }
    this.#attempt(() => this.#lookForOrphans(level));
    this.#nodes += empties.length;
    if (this.#work) makeNodes(this.#work, level, empties, (error) => this.#failed(error));
    this.#attempt(() => this.#object(level, '.', data.status('.'), empties));
    yield;
  }

  #object(level: Level, name: string, status: Status, empties: NodeEntry[]): void {
    const recorded = recordedFor(level, name, status);
    if (!recorded) return;
    const { metadata } = recorded;
    this.#objects++;
    const path = dataPath(level.path, name);
    if (metadata.node && !isNode(status, metadata.node)) {
      if (status.type === 'file' && status.size === 0) empties.push({ name, status, recorded });
      else throw misfit(path, status, metadata.node);
    } else if (this.#work) {
      if (metadata.node) noteNode(this.#work, level, name, recorded);
      give(level.data, name, path, metadata, status);
    }
  }

  #lookForOrphans({ data, files, directories, path }: Level): void {
    for (const name of files?.list() ?? []) {
      const isDirectory = files?.look(name)?.type === 'directory';
      const there = data.look(name);
      if (there && (there.type === 'directory') === isDirectory) continue;
      this.#problems.push(new HumfsError('orphan', `${FILES}/${joined(path, name)}`));
    }
    for (const name of directories?.list() ?? []) {
      if (directories?.look(name)?.type !== 'directory' || data.look(name)?.type === 'directory') continue;
      this.#problems.push(new HumfsError('orphan', `${DIRECTORIES}/${joined(path, name)}`));
    }
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** What is wrong with one object keeps nothing else from being done. */
  #failed(error: unknown): void {
    if (!(error instanceof HumfsError)) throw error;
    this.#problems.push(error);
  }
}

function isNode({ type, major, minor }: Status, node: Node): boolean {
  const isDevice = type === 'char' || type === 'block';
  return type === node.type && (!isDevice || (major === node.major && minor === node.minor));
}

function misfit(path: string, { type }: Status, node: Node): HumfsError {
  if (type === 'file') return new HumfsError('not-empty', path);
  return new HumfsError('wrong-type', path, { actual: type, expected: node.type });
}
