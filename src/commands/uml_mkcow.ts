import { CowError, createCow } from '../lib/cow/index.ts';

/** uml_mkcow: makes an empty COW file (spec 7.2). Arguments after the second name are ignored, as by the C tool. */
export function main(args: readonly string[], name: string): number {
  const force = args[0] === '-f';
  const [cow, backing] = force ? args.slice(1) : args;
  // a name with a dash is a mistyped option; ./-name names such a file
  if (!cow || !backing || cow.startsWith('-') || backing.startsWith('-')) {
    process.stderr.write(
      `${name} usage: \n\t${name} [-f] <COW file> <backing file>\n\t-f forces overwrite of an existing COW file\n`,
    );
    return 2;
  }
  try {
    const report = (message: string) => void process.stdout.write(`${message}\n`);
    createCow({ cow, backing, report, ...(force && { replace: true }) });
    return 0;
  } catch (error) {
    if (!(error instanceof CowError)) throw error;
    const isOpening = error.path === cow && error.details.step !== 'header';
    process.stderr.write(
      `${isOpening ? 'open COW file' : 'write_cow_header'}: ${error.details.text ?? error.message}\n`,
    );
    return 1;
  }
}
