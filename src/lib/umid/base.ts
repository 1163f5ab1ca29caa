import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorText, hasCode } from '../os/index.ts';
import { UmidError } from './error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_BASE = '~/.uml/';
/** Where UML kept its directories before 2.6; the C client still looks there. */
const OLD_BASE = '/tmp/uml/';

/**
 * The directory that umid directories are in, with a trailing `/`: the value of `uml_dir=`, else `~/.uml/`. Only a
 * leading `~` is replaced, by HOME, as text (arch/um/os-Linux/umid.c, spec 5).
 * @throws UmidError NO_HOME
 */
export function umidBase(umlDir: string | undefined, environment: Environment): string {
  const base = umlDir || DEFAULT_BASE;
  const slashed = base.endsWith('/') ? base : `${base}/`;
  if (!slashed.startsWith('~')) return slashed;
  const home = environment.HOME;
  if (home === undefined) throw new UmidError('NO_HOME', 'make_uml_dir: no value in environment for $HOME');
  return home + slashed.slice(1);
}

/** The warning that UML gives for `uml_dir=` without a value; it goes on with the default. */
export function emptyBaseWarning(): UmidError {
  return new UmidError('EMPTY_BASE', "uml_dir can't be an empty string");
}

/**
 * The bases that tools look in: `UML_DIR` where it is set, `$HOME/.uml`, `/tmp/uml` (spec 4.1).
 * @param umlDir the only one to look in, as in `uml_dir=`
 * @throws UmidError NO_HOME, where `umlDir` begins with `~`
 */
export function searchBases(environment: Environment, umlDir?: string): string[] {
  if (umlDir) return [umidBase(umlDir, environment)];
  const bases = [OLD_BASE];
  if (environment.HOME !== undefined) bases.unshift(join(environment.HOME, '.uml/'));
  if (environment.UML_DIR) bases.unshift(umidBase(environment.UML_DIR, environment));
  return [...new Set(bases)];
}

/** Makes the base, one level only. UmidError BASE. */
export function makeBase(base: string): void {
  try {
    mkdirSync(base); // 0777 less the umask
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return;
    throw new UmidError('BASE', `Failed to mkdir '${base}': ${errorText(error)}`);
  }
}
