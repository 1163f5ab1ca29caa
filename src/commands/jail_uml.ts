import { existsSync, fstatSync } from 'node:fs';
import { illegible } from '../lib/cli/index.ts';
import { failedCall, type Inmate, inmate, interpreterOf, JailError, jail } from '../lib/jail/index.ts';
import { errorText, hasCode } from '../lib/os/index.ts';

const FAILED = 1;
const USAGE = `Usage : jail_uml jail-directory user uml-command-line ...
    or: jail_uml jail-directory uid uml-command-line ...

If the user is not found, it's assumed to be a uid.`;
/** What the command gets of the environment, with the caller's TERM. HOME is where UML puts its umid directories. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/' };

interface Arguments {
  directory: string;
  user: string;
  command: readonly string[];
  keep: number[];
  environment: Record<string, string>;
}

/** jail_uml (spec 11.5). */
export function main(words: readonly string[]): number {
  if (process.geteuid?.() !== 0) return complain('jail_uml must be run as root');
  const args = parse(words);
  if (!args) return complain(USAGE);
  const [program, ...rest] = args.command;
  if (program === undefined) return complain(`jail_uml: there is no command to run in '${args.directory}'`);
  const closed = args.keep.find((fd) => !isOpen(fd));
  if (closed !== undefined) return complain(`jail_uml: descriptor ${closed} is not open`);
  const unclear = illegible([args.directory, ...args.command, ...Object.values(args.environment)]);
  if (unclear !== undefined) return complain(`jail_uml: '${unclear}' can't be passed on: it must be UTF-8`);
  try {
    const whom = inmate(args.user);
    const environment = { ...ENVIRONMENT, ...namesOf(whom), ...args.environment };
    jail({ directory: args.directory, inmate: whom, command: [program, ...rest], environment, keep: args.keep });
  } catch (error) {
    if (error instanceof JailError) return complain(error.code === 'NO_USER' ? USAGE : `jail_uml: ${error.message}`);
    const call = failedCall(error);
    if (call !== 'execve') return complain(`${call ?? 'jail_uml'}: ${errorText(error)}`);
    complain(`execve of ${program} failed : ${errorText(error)}`);
    const interpreter = hasCode(error, 'ENOENT') ? interpreterOf(program) : undefined;
    if (interpreter !== undefined && !existsSync(interpreter)) {
      complain(`jail_uml: ${program} needs ${interpreter}, which is not in the jail`);
    }
    return FAILED;
  }
}

/** Our own options stand before the directory. Undefined for too few words, and for options that are not understood. */
function parse(words: readonly string[]): Arguments | undefined {
  const rest = [...words];
  const keep: number[] = [];
  const environment: Record<string, string> = variables(['TERM']);
  while (rest[0]?.startsWith('--')) {
    const [option, value = ''] = rest.splice(0, 2);
    const [, name, text] = /^([^=]+)(?:=(.*))?$/s.exec(value) ?? [];
    if (option === '--keep-fd' && /^\d{1,9}$/.test(value)) keep.push(Number(value));
    else if (option === '--env' && name !== undefined) Object.assign(environment, variables([name], text));
    else return undefined;
  }
  const [directory, user, ...command] = rest;
  if (directory === undefined || user === undefined) return undefined;
  return { directory, user, command, keep, environment };
}

/** A variable with this value, or with the caller's; without it where the caller has none. */
function variables(names: readonly string[], value?: string): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const text = value ?? process.env[name];
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

function namesOf({ name }: Inmate): Record<string, string> {
  return name === undefined ? {} : { USER: name, LOGNAME: name };
}

function complain(line: string): number {
  process.stderr.write(`${line}\n`);
  return FAILED;
}
