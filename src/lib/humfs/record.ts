import type { Directory } from '../os/index.ts';
import { about, HumfsError } from './error.ts';
import {
  DIRECTORIES,
  dataPath,
  descend,
  type Entry,
  entriesOf,
  FILES,
  freeOwnName,
  joined,
  OWN,
  ownName,
} from './layout.ts';
import { encodeMetadata, type Metadata, type Owner } from './metadata.ts';
import { give } from './ownership.ts';
import type { Work } from './pace.ts';
import type { LinkGroup, Missing, Scan } from './scan.ts';
import type { Staging } from './staging.ts';

/** What recording works with. */
export interface Recording {
  root: Directory;
  data: Directory;
  staging: Staging;
  owner: Owner;
  scan: Scan;
}

/** A file that waits in the staging directory, or one of the names of such a file. */
type Staged = { file: string } | { group: LinkGroup };

/**
 * Puts the missing metadata into the trees, which exist and have the right owner afterwards. Nothing of the data is
 * touched. Each metadata file is complete on the disk before it gets its name, so whenever this is killed, by a power
 * failure too, every metadata file that is there is right.
 */
export function* record(recording: Recording): Work {
  const { root, data, owner } = recording;
  const staged = new Map<string, { own?: string; files: Map<string, Staged> }>();
  for (const [folder, missing] of recording.scan.missing) {
    staged.set(folder, stage(recording, missing));
    yield;
  }
  if (staged.size > 0) root.syncFileSystem();
  const files = treeIn(root, FILES, FILES, owner);
  const directories = treeIn(root, DIRECTORIES, DIRECTORIES, owner);
  try {
    yield place('', data, files, directories);
  } finally {
    files.close();
    directories.close();
  }
  root.syncFileSystem();

  function* place(path: string, data: Directory, files: Directory, directories: Directory): Work {
    const entries = [...entriesOf({ path, data })];
    const isDirectory = ({ status }: Entry) => status.type === 'directory';
    const subdirectories = new Set(entries.filter(isDirectory).map(({ name }) => name));
    const waiting = staged.get(path);
    placeOwn(recording, path, directories, waiting?.own, (name) => subdirectories.has(name));
    for (const entry of entries) {
      const { name } = entry;
      const inner = joined(path, name);
      if (isDirectory(entry)) {
        const nextData = about(dataPath(path, name), 'open', () => data.enter(name));
        const nextFiles = treeIn(files, name, `${FILES}/${inner}`, owner);
        const nextDirectories = treeIn(directories, name, `${DIRECTORIES}/${inner}`, owner);
        try {
          yield place(inner, nextData, nextFiles, nextDirectories);
        } finally {
          for (const directory of [nextData, nextFiles, nextDirectories]) directory.close();
        }
      } else {
        placeFile(recording, path, name, files, waiting?.files.get(name));
        yield;
      }
    }
  }
}

function stage(recording: Recording, missing: Missing): { own?: string; files: Map<string, Staged> } {
  const { staging, owner, root } = recording;
  const add = (metadata: Metadata) => staging.add(encodeMetadata(metadata), owner);
  const files = new Map<string, Staged>();
  for (const [name, what] of missing.files) {
    if ('metadata' in what) {
      what.staged ??= what.source ? linked(root, staging, what.source) : add(what.metadata);
      files.set(name, { group: what });
    } else files.set(name, { file: add(what) });
  }
  return { ...(missing.own && { own: add(missing.own) }), files };
}

function linked(root: Directory, staging: Staging, source: { folder: string; name: string }): string {
  const from = descend(root, joined(FILES, source.folder));
  try {
    return staging.addLink(from, source.name);
  } finally {
    from.close();
  }
}

/** Opens a directory of a metadata tree, making it first if need be; what else has its name is of a file that is gone. */
function treeIn(parent: Directory, name: string, path: string, owner: Owner): Directory {
  return about(path, 'mkdir', () => {
    const there = parent.look(name);
    if (there && there.type !== 'directory' && path !== FILES && path !== DIRECTORIES) parent.remove(name);
    if (there?.type !== 'directory') parent.makeDirectory(name, 0o755);
    const directory = parent.enter(name);
    give(directory, '.', path, { ...owner, mode: 0o755 });
    return directory;
  });
}

function placeOwn(
  { staging, owner }: Recording,
  path: string,
  directories: Directory,
  staged: string | undefined,
  isSubdirectory: (name: string) => boolean,
): void {
  const shown = `${DIRECTORIES}/${joined(path, OWN)}`;
  about(shown, 'create', () => {
    const there = ownName(directories);
    const wanted = there !== undefined && !isSubdirectory(there) ? there : freeOwnName(isSubdirectory);
    if (staged !== undefined) staging.place(staged, directories, wanted);
    else if (there !== undefined && there !== wanted) directories.rename(there, directories, wanted);
    if (directories.look(wanted)) give(directories, wanted, shown, owner);
    else throw new HumfsError('changed', dataPath(path, '.'));
  });
}

function placeFile(
  { staging, owner, scan }: Recording,
  path: string,
  name: string,
  files: Directory,
  staged: Staged | undefined,
): void {
  const shown = `${FILES}/${joined(path, name)}`;
  about(shown, 'create', () => {
    const there = files.look(name);
    if (there?.type === 'directory') files.removeTree(name); // of a directory that is gone
    if (staged && 'file' in staged) staging.place(staged.file, files, name);
    else if (staged?.group.staged !== undefined) staging.placeLink(staged.group.staged, files, name);
    const amended = scan.missing.get(path)?.amended.get(name);
    if (amended) files.overwrite(name, encodeMetadata(amended));
    if (files.look(name)) give(files, name, shown, owner);
  });
}
