import { integer } from '../cli/index.ts';
import { lookupUser } from '../os/index.ts';
import { JailError } from './error.ts';

/** Whom the command is run as. */
export interface Inmate {
  uid: number;
  gid: number;
  /** The user's name, where the host knows one: its supplementary groups are taken along. */
  name: string | undefined;
}

/** The largest uid; the one above it stands for "leave it as it is" in setuid(2)'s relatives. */
const LAST_UID = 2 ** 32 - 2;

/**
 * The user of this name, else of this uid, as strtol(3) reads it. A uid that belongs to nobody gets the group of the same number and no supplementary ones, as in `chown -R 1000.1000
 * jail` of the book.
 * @throws JailError NO_USER; OsError when the lookup failed
 */
export function inmate(word: string): Inmate {
  const named = lookupUser(word);
  if (named) return named;
  const uid = uidOf(word);
  if (uid === undefined) throw new JailError('NO_USER', `'${word}' is neither a user nor a uid`);
  return lookupUser(uid) ?? { uid, gid: uid, name: undefined };
}

function uidOf(word: string): number | undefined {
  const uid = integer(word) ?? -1;
  return uid >= 0 && uid <= LAST_UID ? uid : undefined;
}
