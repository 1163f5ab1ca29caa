import type { Directory, Status } from '../os/index.ts';
import { about } from './error.ts';
import { dataPath, descend, type Level, type Recorded } from './layout.ts';
import type { Metadata, Node, Owner } from './metadata.ts';
import { give } from './ownership.ts';
import type { Staging } from './staging.ts';

/** A node, or the empty file that stands for one. */
export interface NodeEntry {
  name: string;
  status: Status;
  recorded: Recorded;
}

/** Names of nodes that are done, by the metadata file that the names of one node share. */
export type DoneNodes = Map<string, { folder: string; name: string }>;

/** What replacing nodes works with. */
export interface NodeWork {
  data: Directory;
  staging: Staging;
  done: DoneNodes;
}

/** Takes note of a node that is what it must be, so that its other names become links to it. */
export function noteNode({ done }: NodeWork, level: Level, name: string, { identity, links }: Recorded): void {
  if (links > 1 && !done.has(identity)) done.set(identity, { folder: level.path, name });
}

/** Puts an empty file in the place of each of a directory's nodes. */
export function emptyNodes(work: NodeWork, level: Level, entries: readonly NodeEntry[], owner: Owner): void {
  replace(work, level, entries, (temporary) => {
    level.data.create(temporary, new Uint8Array(), 0o600);
    return { ...owner, mode: 0o755 };
  });
}

/** Puts the node that the metadata tells of in the place of each empty file. */
export function makeNodes(
  work: NodeWork,
  level: Level,
  entries: readonly NodeEntry[],
  failed: (error: unknown) => void,
): void {
  const make = (temporary: string, { recorded: { metadata } }: NodeEntry): Metadata => {
    const { type, major, minor } = metadata.node as Node;
    level.data.makeNode(temporary, type, { major, minor });
    return metadata;
  };
  replace(work, level, entries, make, failed);
}

/**
 * Replaces entries of a directory one by one, each in one step. The new ones get the times of the old ones, the
 * directory keeps its own.
 * @param make makes the new object under a temporary name, and tells the owner and mode that it must have
 */
function replace(
  work: NodeWork,
  level: Level,
  entries: readonly NodeEntry[],
  make: (temporary: string, entry: NodeEntry) => Owner & { mode: number },
  failed?: (error: unknown) => void,
): void {
  if (entries.length === 0) return;
  const { data } = level;
  work.staging.keepingTimes(data, level.path, (temporary) => {
    for (const entry of entries) {
      const { name, status, recorded } = entry;
      const path = dataPath(level.path, name);
      try {
        const twin = work.done.get(recorded.identity);
        about(path, twin ? 'link' : 'mknod', () => {
          if (twin) linkTwin(work.data, twin, data, temporary);
          else {
            give(data, temporary, path, make(temporary, entry));
            data.setTimes(temporary, status.atime, status.mtime);
          }
          data.rename(temporary, data, name);
        });
        noteNode(work, level, name, recorded);
      } catch (error) {
        if (data.look(temporary)) data.remove(temporary);
        if (!failed) throw error;
        failed(error);
      }
    }
  });
}

function linkTwin(top: Directory, { folder, name }: { folder: string; name: string }, to: Directory, as: string): void {
  const from = descend(top, folder);
  try {
    from.link(name, to, as);
  } finally {
    from.close();
  }
}
