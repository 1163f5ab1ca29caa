import { readdirSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Environment, searchBases } from './base.ts';
import { UmidError } from './error.ts';
import { unlessMissing } from './missing.ts';
import { type OwnerState, ownerOf } from './owner.ts';

/** A management console's socket, and the umid directory that it is in. */
export interface FoundSocket {
  /** The name that was asked for. */
  name: string;
  socketPath: string;
  /** The directory that the socket is in. */
  directory: string;
}

/**
 * Finds an instance's management console, in the order of the C client (spec 4.1): the umid in `UML_DIR` where it is
 * set, in `$HOME/.uml`, in `/tmp/uml`; then the name as the path of a socket or of a umid directory.
 * @param umlDir the only directory in which umids are looked for, as in `uml_dir=`
 * @throws UmidError NOT_FOUND
 */
export function findSocket(name: string, environment: Environment, umlDir?: string): FoundSocket {
  const inBases = name === '' ? [] : searchBases(environment, umlDir).map((base) => `${base}${name}/mconsole`);
  const asPath = name === '' ? [] : [`${name.replace(/\/+$/, '')}/mconsole`, name];
  for (const socketPath of [...inBases, ...asPath]) {
    const there = status(socketPath);
    if (there && !there.isDirectory()) return { name, socketPath, directory: dirname(socketPath) };
  }
  throw new UmidError('NOT_FOUND', `no instance or socket is called '${name}'`, { umid: name, tried: inBases });
}

/** One umid directory. */
export interface Instance {
  umid: string;
  path: string;
  socketPath: string;
  /** The user that the directory belongs to. */
  uid: number;
  pid: number | undefined;
  state: OwnerState;
}

/** Every umid directory of a base, by name, with its owner's state; empty if there is no such base. */
export function listInstances(base: string): Instance[] {
  const names = unlessMissing(() => readdirSync(base).sort(), []);
  return names.flatMap((umid) => {
    const path = base + umid;
    const there = status(path);
    if (!there?.isDirectory()) return [];
    return [{ umid, path, socketPath: `${path}/mconsole`, uid: there.uid, ...ownerOf(path) }];
  });
}

function status(path: string): Stats | undefined {
  return unlessMissing(() => statSync(path), undefined);
}
