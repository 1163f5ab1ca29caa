import type { Directory, Status } from '../os/index.ts';
import { about } from './error.ts';
import type { Owner } from './metadata.ts';

/**
 * Gives an object an owner and, unless it is a symbolic link, a mode; what it has already it is not given again, so
 * that nothing needs a right that it doesn't need.
 * @param path for errors
 */
export function give(
  directory: Directory,
  name: string,
  path: string,
  wanted: Owner & { mode?: number },
  status: Status = directory.status(name),
): void {
  const { uid, gid, mode } = wanted;
  const changesOwner = status.uid !== uid || status.gid !== gid;
  if (changesOwner) {
    about(path, 'chown', () => directory.chown(name, uid, gid));
  }
  // changing the owner clears set-id bits
  if (mode !== undefined && status.type !== 'symlink' && (changesOwner || status.mode !== mode)) {
    about(path, 'chmod', () => directory.chmod(name, mode));
  }
}
