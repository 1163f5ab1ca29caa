import { hasCode } from '../lib/os/index.ts';
import { type Arguments, HELP, parseArguments, USAGE } from './mconsole/arguments.ts';
import { printJson, printText, report, STATUS } from './mconsole/outcome.ts';
import { Session } from './mconsole/session.ts';

/** Runs uml_mconsole: one command from the arguments, those of standard input, or what one of our own options asks. */
export async function main(words: readonly string[]): Promise<number> {
  process.stdout.on('error', onOutputError);
  const args = parseArguments(words);
  if (args === undefined) {
    process.stderr.write(USAGE);
    return STATUS.failure;
  }
  try {
    return await carryOut(args);
  } catch (error) {
    return report(error);
  }
}

/** A reader that has gone (`| head`) ends the tool without a word, as SIGPIPE ends the C tool. */
function onOutputError(error: unknown): void {
  process.exit(hasCode(error, 'EPIPE') ? STATUS.brokenPipe : report(error));
}

async function carryOut(args: Arguments): Promise<number> {
  switch (args.what) {
    case 'help':
      process.stdout.write(HELP);
      return STATUS.success;
    case 'list':
      return (await import('./mconsole/list.ts')).list(args);
    case 'notify':
      return (await import('./mconsole/follow.ts')).follow(args);
    case 'instances':
      return (await import('./mconsole/several.ts')).askSeveral(args);
    case 'instance':
      return askOne(args);
  }
}

async function askOne(args: Arguments): Promise<number> {
  const [name = '', ...command] = args.words;
  const print = args.json ? printJson : printText;
  const instance = args.wait ? await (await import('./mconsole/await.ts')).awaitInstance(name, args) : name;
  const session = new Session(name, args, instance);
  if (command.length > 0) {
    const outcome = await session.run(command.join(' '));
    print(outcome);
    return outcome.status;
  }
  if (args.wait && args.script === undefined) return STATUS.success;
  session.find();
  const script = args.script ?? (args.json && !process.stdin.isTTY ? '-' : undefined);
  if (script !== undefined) return (await import('./mconsole/several.ts')).runScript([session], script, args);
  return (await import('./mconsole/converse.ts')).converse(session, print);
}
