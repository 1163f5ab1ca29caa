import type { Status } from '../os/index.ts';
import { HumfsError } from './error.ts';
import { closeLevel, dataPath, enterLevel, entriesOf, type Level, type Recorded, recordedFor } from './layout.ts';
import type { Metadata, Node, Owner } from './metadata.ts';
import type { Work } from './pace.ts';

/** A name in a directory below `data`. */
interface Place {
  folder: string;
  name: string;
}

/** The names of one file. They share one metadata file. */
export interface LinkGroup {
  metadata: Metadata;
  /** A name that has the metadata file already. */
  source?: Place;
  /** Of the file that was staged for it. */
  staged?: string;
}

/** The metadata that a directory's names are still without. */
export interface Missing {
  /** The directory's own. */
  own?: Metadata;
  files: Map<string, Metadata | LinkGroup>;
  /** Nodes whose metadata doesn't say so, as the Perl tool leaves it: what it must say. */
  amended: Map<string, Metadata>;
}

/** What a walk through the data found. */
export interface Scan {
  /** Bytes that the data takes on the disk, every file once, in whole KiB: `du -sk data`. */
  used: bigint;
  /** Files, directories and all else. */
  objects: number;
  /** Objects that have no metadata yet. */
  unrecorded: number;
  /** Devices, fifos and sockets that are still that. */
  nodes: number;
  /** Those without metadata, by the directory. */
  missing: ReadonlyMap<string, Missing>;
}

const KIB = 1024;

/** The node that a host's file is, if it is one. */
export function nodeOf({ type, major, minor }: Status): Node | undefined {
  if (type === 'char' || type === 'block') return { type, major, minor };
  return type === 'fifo' || type === 'socket' ? { type, major: 0, minor: 0 } : undefined;
}

/**
 * Walks through the data and finds out what has to be done; changes nothing. The result is fit to be used when the walk
 * has ended.
 * @throws HumfsError mounted, not-permitted, metadata-field, system
 */
export class Scanner {
  readonly #owner: Owner;
  readonly #missing = new Map<string, Missing>();
  readonly #groups = new Map<string, LinkGroup>();
  readonly #counted = new Set<string>();
  #allocated = 0;
  #objects = 0;
  #unrecorded = 0;
  #nodes = 0;

  /** @param owner who the tree will belong to */
  constructor(owner: Owner) {
    this.#owner = owner;
  }

  result(): Scan {
    return {
      used: BigInt(Math.ceil(this.#allocated / KIB) * KIB),
      objects: this.#objects,
      unrecorded: this.#unrecorded,
      nodes: this.#nodes,
      missing: this.#missing,
    };
  }

  /** Walks through the tree from its top. */
  *walk(top: Level): Work {
    const status = top.data.status('.');
    this.#object(top, '.', status);
    yield;
    yield this.#directory(top, status.mount);
  }

  *#directory(level: Level, mount: string): Work {
    for (const { name, status } of entriesOf(level)) {
      if (status.mount !== mount) throw new HumfsError('mounted', dataPath(level.path, name));
      if (status.type === 'directory') {
        const inner = enterLevel(level, name);
        try {
          this.#object(inner, '.', status);
          yield;
          yield this.#directory(inner, mount);
        } finally {
          closeLevel(inner);
        }
      } else {
        this.#object(level, name, status);
        yield;
      }
    }
  }

  #object(level: Level, name: string, status: Status): void {
    this.#objects++;
    this.#count(status);
    this.#checkOwner(level, name, status);
    const node = nodeOf(status);
    if (node) this.#nodes++;
    const recorded = recordedFor(level, name, status);
    if (recorded?.version === 2) this.#known(level, name, status, recorded, node);
    else this.#unknown(level, name, status, recorded, node);
  }

  #count({ type, links, identity, allocated }: Status): void {
    if (type !== 'directory' && links > 1) {
      if (this.#counted.has(identity)) return;
      this.#counted.add(identity);
    }
    this.#allocated += allocated;
  }

  /** Refuses at once what would else fail half way: only root gives files away. */
  #checkOwner({ path }: Level, name: string, { uid: ownerUid, gid: ownerGid }: Status): void {
    const { uid, gid } = this.#owner;
    const self = process.geteuid?.() ?? 0;
    if (self === 0) return;
    const isMember = gid === ownerGid || gid === process.getegid?.() || process.getgroups?.().includes(gid);
    if (ownerUid === self && uid === self && isMember) return;
    throw new HumfsError('not-permitted', dataPath(path, name), { uid, gid, ownerUid, ownerGid });
  }

  #known(level: Level, name: string, status: Status, { metadata, isExact }: Recorded, found: Node | undefined): void {
    const node = found ?? metadata.node;
    if (node && !(isExact && isSame(node, metadata.node))) {
      this.#of(level.path).amended.set(name, { ...metadata, node });
    }
    if (name === '.' || status.links === 1) return;
    const group = this.#groups.get(status.identity);
    if (group) group.source ??= { folder: level.path, name };
    else this.#groups.set(status.identity, { metadata, source: { folder: level.path, name } });
  }

  #unknown({ path }: Level, name: string, status: Status, old: Recorded | undefined, node: Node | undefined): void {
    this.#unrecorded++;
    const { mode, uid, gid } = status;
    const metadata = { ...(old?.metadata ?? { mode, uid, gid }), ...(node && { node }) };
    const missing = this.#of(path);
    if (name === '.') missing.own = metadata;
    else if (status.links === 1) missing.files.set(name, metadata);
    else {
      const group = this.#groups.get(status.identity) ?? { metadata };
      this.#groups.set(status.identity, group);
      missing.files.set(name, group);
    }
  }

  #of(folder: string): Missing {
    let missing = this.#missing.get(folder);
    if (!missing) {
      missing = { files: new Map(), amended: new Map() };
      this.#missing.set(folder, missing);
    }
    return missing;
  }
}

function isSame(one: Node, other: Node | undefined): boolean {
  return other !== undefined && one.type === other.type && one.major === other.major && one.minor === other.minor;
}
