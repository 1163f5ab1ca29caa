import { Directory, type Status } from '../os/index.ts';
import { about } from './error.ts';
import {
  encodeMetadata,
  METADATA_BYTES,
  type Metadata,
  type MetadataV1,
  parseMetadata,
  parseMetadataV1,
} from './metadata.ts';
import { parseSuperblock, type Superblock } from './superblock.ts';

/** What lies in the directory that humfsify works in (spec 10.2). */
export const DATA = 'data';
export const FILES = 'file_metadata';
export const DIRECTORIES = 'dir_metadata';
/** The one tree of version 1. */
export const OLD = 'metadata';
export const SUPERBLOCK = 'superblock';
/** The usual name of a directory's own metadata file, in its directory of the tree. */
export const OWN = 'metadata';

const SUPERBLOCK_BYTES = 4096;

/** The path of a name in a directory; an empty one on either side adds nothing. */
export function joined(folder: string, name: string): string {
  return folder === '' || name === '' ? folder + name : `${folder}/${name}`;
}

/** The path of a name in a directory of the data, `.` being the directory itself. */
export function dataPath(folder: string, name: string): string {
  return joined(DATA, joined(folder, name === '.' ? '' : name));
}

/**
 * Opens the directory that holds `data`.
 * @throws HumfsError system
 */
export function openRoot(directory: string | Uint8Array = '.'): Directory {
  return about(Buffer.from(directory as string).toString('latin1'), 'open', () => Directory.open(directory));
}

/** Reads the superblock. HumfsError system, also if there is none, and as from parseSuperblock(). */
export function readSuperblock(root: Directory): Superblock {
  return parseSuperblock(about(SUPERBLOCK, 'open', () => root.read(SUPERBLOCK, SUPERBLOCK_BYTES)));
}

/** The same, or undefined if there is none. */
export function findSuperblock(root: Directory): Superblock | undefined {
  return root.look(SUPERBLOCK) && readSuperblock(root);
}

/** Opens a directory in another one, if it is one. */
export function directoryIn(parent: Directory | undefined, name: string): Directory | undefined {
  return parent?.look(name)?.type === 'directory' ? parent.enter(name) : undefined;
}

/** Opens a directory by its path below another one, each step being a directory and no link. */
export function descend(root: Directory, path: string): Directory {
  let at = root.enter('.');
  for (const name of path.split('/').filter((part) => part !== '')) {
    const next = about(path, 'open', () => at.enter(name));
    at.close();
    at = next;
  }
  return at;
}

/**
 * The name of a directory's own metadata file: `metadata`, or where a subdirectory has that name, the one regular file
 * in its directory of the tree (book, chapter 6).
 */
export function ownName(directories: Directory): string | undefined {
  if (directories.look(OWN)?.type === 'file') return OWN;
  return directories.list().find((name) => directories.look(name)?.type === 'file');
}

/** A name for that file which no subdirectory has. */
export function freeOwnName(isTaken: (name: string) => boolean): string {
  let name = OWN;
  for (let i = 1; isTaken(name); i++) name = `${OWN}.${i}`;
  return name;
}

/** A directory of the tree, in the data and in each of the metadata trees that has it. */
export interface Level {
  /** Below `data`, empty for that itself. */
  path: string;
  data: Directory;
  files: Directory | undefined;
  directories: Directory | undefined;
  old: Directory | undefined;
}

/** Opens the top of the trees. `data` may be a symbolic link, as the Perl tool allows. */
export function openTop(root: Directory): Level {
  const isOld = versionOf(root) === 1;
  const data = about(DATA, 'open', () => root.follow(DATA));
  const [files, directories] = [directoryIn(root, FILES), directoryIn(root, DIRECTORIES)];
  return { path: '', data, files, directories, old: isOld ? directoryIn(root, OLD) : undefined };
}

/** A superblock that can't be read is none: the Perl tool leaves an empty one when it fails. */
function versionOf(root: Directory): number | undefined {
  try {
    return findSuperblock(root)?.version;
  } catch {
    return undefined;
  }
}

/** A name in a directory of the data, and what is behind it. */
export interface Entry {
  name: string;
  status: Status;
}

/**
 * What a directory of the data holds, without what is removed meanwhile.
 * @throws HumfsError system
 */
export function* entriesOf({ path, data }: Pick<Level, 'path' | 'data'>): Generator<Entry, void, void> {
  for (const name of about(dataPath(path, '.'), 'read', () => data.list())) {
    const status = about(dataPath(path, name), 'read', () => data.look(name));
    if (status) yield { name, status };
  }
}

export function enterLevel(level: Level, name: string): Level {
  const path = joined(level.path, name);
  return {
    path,
    data: about(`${DATA}/${path}`, 'open', () => level.data.enter(name)),
    files: directoryIn(level.files, name),
    directories: directoryIn(level.directories, name),
    old: directoryIn(level.old, name),
  };
}

export function closeLevel({ data, files, directories, old }: Level): void {
  for (const directory of [data, files, directories, old]) directory?.close();
}

/** Metadata that is on record, and where from; that of version 1 has the mode of the data. */
export interface Recorded {
  metadata: Metadata;
  version: 1 | 2;
  /** Of the metadata file; two names of one file share it. */
  identity: string;
  links: number;
  /** Whether the file says it in the words of encodeMetadata(); the Perl tool writes device numbers that need mending. */
  isExact: boolean;
}

/**
 * The metadata on record for a name in a directory, `.` being the directory itself.
 * @param status of the data, for version 1
 * @throws HumfsError metadata-field
 */
export function recordedFor(level: Level, name: string, status: Status): Recorded | undefined {
  const [tree, file] = name === '.' ? own(level) : [level.files, name];
  const path = `${name === '.' ? DIRECTORIES : FILES}/${joined(level.path, file ?? OWN)}`;
  const found = file === undefined ? undefined : lookFile(tree, file);
  if (tree && file !== undefined && found) {
    const bytes = about(path, 'read', () => tree.read(file, METADATA_BYTES));
    const metadata = parseMetadata(bytes, path);
    const isExact = encodeMetadata(metadata).equals(bytes);
    return { metadata, version: 2, identity: found.identity, links: found.links, isExact };
  }
  return recordedByOld(level, name === '.' ? OWN : name, status);
}

function own({ directories }: Level): [Directory | undefined, string | undefined] {
  return [directories, directories && ownName(directories)];
}

function recordedByOld({ old, path: folder }: Level, name: string, { mode }: Status): Recorded | undefined {
  const found = lookFile(old, name);
  if (!old || !found) return undefined;
  const path = `${OLD}/${joined(folder, name)}`;
  const owner: MetadataV1 = parseMetadataV1(
    about(path, 'read', () => old.read(name, METADATA_BYTES)),
    path,
  );
  return { metadata: { mode, ...owner }, version: 1, identity: found.identity, links: found.links, isExact: false };
}

function lookFile(tree: Directory | undefined, name: string): Status | undefined {
  const status = tree?.look(name);
  return status?.type === 'file' ? status : undefined;
}
