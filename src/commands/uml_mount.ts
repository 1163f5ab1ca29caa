import { connect, MconsoleError } from '../lib/mconsole/index.ts';
import { errorText } from '../lib/os/index.ts';
import { UmidError } from '../lib/umid/index.ts';
import { mountUmlfs, UmlfsError } from '../lib/umlfs/index.ts';
import { endedBySignals } from './mconsole/signals.ts';

const FAILED = 1;
const USAGE = 'Usage : uml_mount umid mount-point [-o option,...]';
/** Switches of libfuse that mean nothing to a mount whose server is elsewhere. */
const WITHOUT_EFFECT = ['-d', '-f', '-s'];

interface Arguments {
  umid: string;
  mountpoint: string | undefined;
  options: string[];
}

/** uml_mount (spec 11.4). */
export async function main(words: readonly string[]): Promise<number> {
  const args = parse(words);
  if (args === undefined) return complain(USAGE);
  if (typeof args === 'string') return complain(args);
  const { umid, mountpoint, options } = args;
  if (mountpoint === undefined) return complain('fuse: missing mountpoint parameter');
  try {
    const { socketPath } = connect(umid);
    const { text } = await endedBySignals((signal) =>
      mountUmlfs({ socketPath, name: umid, mountpoint, options, signal }),
    );
    process.stdout.write(`OK ${text}\n`);
    return 0;
  } catch (error) {
    return report(error, umid);
  }
}

/** Undefined where the usage is wanted; a text where that says too little. */
function parse([umid, ...words]: readonly string[]): Arguments | string | undefined {
  if (umid === undefined) return undefined;
  const rest = [...words];
  const operands: string[] = [];
  const options: string[] = [];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') operands.push(...rest.splice(0));
    else if (word === '-o') {
      const value = rest.shift();
      if (value === undefined) return "fuse: missing argument after `-o'";
      options.push(...value.split(','));
    } else if (/^-o./.test(word)) options.push(...word.slice(2).split(','));
    else if (WITHOUT_EFFECT.includes(word)) continue;
    else if (word.startsWith('-'))
      return word === '-h' || word === '--help' ? undefined : `fuse: unknown option \`${word}'`;
    else operands.push(word);
  }
  const [mountpoint, ...more] = operands;
  if (more.length > 0) return `fuse: invalid argument \`${more[0]}'`;
  return { umid, mountpoint, options: options.filter((option) => option !== '') };
}

function report(error: unknown, umid: string): number {
  if (error instanceof UmlfsError) {
    switch (error.code) {
      case 'UNKNOWN':
        return complain(
          `uml_mount: ${error.message}; nothing was mounted. A guest's files reach the host by sshfs, or in a hostfs directory`,
        );
      case 'REFUSED':
        process.stdout.write(`ERR ${error.message}\n`);
        return FAILED;
      case 'FUSERMOUNT_FAILED':
        return FAILED; // it has said why
      case 'MOUNT_POINT':
        return complain(`fuse: ${error.message}`);
      case 'NO_FUSERMOUNT':
        return complain(`uml_mount: ${error.message}`);
    }
  }
  if (error instanceof MconsoleError || error instanceof UmidError)
    return complain(`uml_mount: ${umid}: ${error.message}`);
  return complain(`fuse: mount failed: ${errorText(error)}`);
}

function complain(line: string): number {
  process.stderr.write(`${line}\n`);
  return FAILED;
}
