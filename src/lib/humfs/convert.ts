import type { Directory } from '../os/index.ts';
import { about, HumfsError } from './error.ts';
import {
  closeLevel,
  dataPath,
  enterLevel,
  entriesOf,
  type Level,
  OLD,
  openRoot,
  openTop,
  type Recorded,
  recordedFor,
  SUPERBLOCK,
} from './layout.ts';
import type { Owner } from './metadata.ts';
import { emptyNodes, type NodeEntry, type NodeWork, noteNode } from './nodes.ts';
import { give } from './ownership.ts';
import { pace, type Watch, type Work } from './pace.ts';
import { record } from './record.ts';
import { nodeOf, type Scan, Scanner } from './scan.ts';
import { openStaging, type Staging } from './staging.ts';
import { encodeSuperblock } from './superblock.ts';

export interface ConvertOptions extends Watch {
  /** The directory that holds `data`; the current one unless it is given. */
  directory?: string;
  /** Who the tree is to belong to on the host: the user that runs the instance. */
  owner: Owner;
  /** The size of the file system in bytes. */
  total: bigint;
}

/** What a conversion does. */
export interface Conversion {
  /** Bytes that the data takes on the disk: `du -sk data`. */
  used: bigint;
  /** Files, directories and all else. */
  objects: number;
  /** Objects whose metadata was not on record. */
  unrecorded: number;
  /** Devices, fifos and sockets that become empty files. */
  nodes: number;
}

/**
 * Makes the tree in `data` a humfs file system: metadata beside it, then owner and mode 0755 for all of it and empty
 * files for its nodes, at last the superblock (spec 10.2). It may be killed at any instant and is finished by running
 * it again: all metadata is on the disk before the data is touched, and what is on record is never made anew. So it
 * can also be run again to take in what was added to `data`, for another owner or size, and over a tree of version 1.
 * @throws HumfsError
 */
export async function convertTree(options: ConvertOptions): Promise<Conversion> {
  const root = openRoot(options.directory);
  try {
    if (!root.lock()) throw new HumfsError('busy', '');
    const staging = openStaging(root);
    try {
      return await convert(root, staging, options);
    } finally {
      staging.remove();
    }
  } finally {
    root.close();
  }
}

/** What convertTree() would do; makes all its checks and changes nothing. */
export async function planConversion(options: ConvertOptions): Promise<Conversion> {
  const root = openRoot(options.directory);
  try {
    return conversion(await scan(root, options));
  } finally {
    root.close();
  }
}

async function convert(root: Directory, staging: Staging, options: ConvertOptions): Promise<Conversion> {
  const { owner, total, signal } = options;
  const found = await scan(root, options);
  const steps = 2 * found.objects + found.missing.size;
  let done = 0;
  const step = () => options.progress?.(Math.min(++done, steps), steps);

  const top = openTop(root);
  try {
    // humfsify -r leaves its superblock; a new one stands for the end of this conversion
    if (!top.directories && !top.old && root.look(SUPERBLOCK)) {
      about(SUPERBLOCK, 'remove', () => root.remove(SUPERBLOCK));
    }
    await pace(record({ root, data: top.data, staging, owner, scan: found }), signal, step);
  } finally {
    closeLevel(top);
  }
  const whole = openTop(root);
  try {
    await pace(take(whole, { data: whole.data, staging, done: new Map() }, owner), signal, step);
    whole.data.syncFileSystem(); // which may be another one than that of the metadata
    if (whole.old) staging.takeAway([OLD]);
  } finally {
    closeLevel(whole);
  }
  staging.placeDurably(staging.add(encodeSuperblock({ used: found.used, total }), owner), SUPERBLOCK);
  return conversion(found);
}

async function scan(root: Directory, { owner, total, signal }: ConvertOptions): Promise<Scan> {
  const top = openTop(root);
  try {
    const scanner = new Scanner(owner);
    await pace(scanner.walk(top), signal, () => {});
    const found = scanner.result();
    if (found.used > total) throw new HumfsError('too-small', '', { used: found.used, total });
    return found;
  } finally {
    closeLevel(top);
  }
}

function conversion({ used, objects, unrecorded, nodes }: Scan): Conversion {
  return { used, objects, unrecorded, nodes };
}

/** Gives the data its new owner and form. */
function* take(level: Level, work: NodeWork, owner: Owner): Work {
  const { data, path } = level;
  need(level, '.', recordedFor(level, '.', data.status('.')));
  give(data, '.', dataPath(path, '.'), { ...owner, mode: 0o755 });
  yield;
  const nodes: NodeEntry[] = [];
  for (const { name, status } of entriesOf(level)) {
    if (status.type === 'directory') {
      const inner = enterLevel(level, name);
      try {
        yield take(inner, work, owner);
      } finally {
        closeLevel(inner);
      }
      continue;
    }
    const recorded = need(level, name, recordedFor(level, name, status));
    if (nodeOf(status)) nodes.push({ name, status, recorded });
    else {
      if (recorded.metadata.node) noteNode(work, level, name, recorded);
      give(data, name, dataPath(path, name), { ...owner, mode: 0o755 }, status);
    }
    yield;
  }
  emptyNodes(work, level, nodes, owner);
}

/** Nothing is converted that is not on record, as something that was put there meanwhile. */
function need(level: Level, name: string, recorded: Recorded | undefined): Recorded {
  if (recorded?.version === 2) return recorded;
  throw new HumfsError('changed', dataPath(level.path, name));
}
