import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { errorText } from '../os/index.ts';

export interface RewrittenCommand {
  command: string;
  /** Paths that stayed as they were, and why, in the C client's words. */
  problems: readonly string[];
}

/**
 * Makes the file names of `config ubd…=` absolute, since UML has a working directory of its own (spec 4.6). The value
 * is what the kernel's ubd driver reads: COW file, backing file, serial number, each after a `,` or `:`; the serial
 * number and empty names stay. `ubd=…` (as `ubd=sync`) names no file. Other commands are returned as they are.
 * @param directory what relative names are relative to, e.g. process.cwd()
 */
export function absolutePaths(command: string, directory: string): RewrittenCommand {
  const [, head, value] = /^(config\s+ubd\w+=)(.*)$/s.exec(command) ?? [];
  if (head === undefined || value === undefined) return { command, problems: [] };
  const problems: string[] = [];
  const rewrite = (name: string): string => {
    if (name === '') return name;
    try {
      return absolute(name, directory);
    } catch (error) {
      problems.push(error instanceof PathProblem ? error.message : `absolutize : ${errorText(error)}`);
      return name;
    }
  };
  const [, first = '', separator = '', second = '', rest = ''] = /^([^,:]*)([,:]?)([^,:]*)(.*)$/s.exec(value) ?? [];
  return { command: head + rewrite(first) + separator + rewrite(second) + rest, problems };
}

class PathProblem extends Error {}

function absolute(name: string, directory: string): string {
  const slash = name.lastIndexOf('/');
  const parent = slash < 0 ? '' : name.slice(0, slash) || '/';
  const path = join(realDirectory(parent, directory), name.slice(slash + 1));
  if (/[,:]/.test(path)) throw new PathProblem(`absolutize : UML can't take '${path}', for its ',' or ':'`);
  return path;
}

/** The directory without symbolic links, as getcwd tells it to the C client. */
function realDirectory(parent: string, directory: string): string {
  try {
    return realpathSync.native(resolve(directory, parent));
  } catch (error) {
    throw new PathProblem(`absolutize : Can't cd to '${parent}', ${errorText(error)}`);
  }
}
