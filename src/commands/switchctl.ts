import { ConsoleUnreachable } from '../lib/switch/index.ts';
import { Session, STATUS } from './switchctl/session.ts';
import { parseWords } from './switchctl/words.ts';

/** `uml switchctl`: asks the console of a running switch. */
export async function main(args: readonly string[]): Promise<number> {
  const request = parseWords(args);
  if ('help' in request) {
    process.stdout.write(request.help);
    return STATUS.success;
  }
  if ('wrong' in request) {
    process.stderr.write(`uml switchctl: ${request.wrong}; see uml switchctl --help\n`);
    return STATUS.usage;
  }
  try {
    const session = await Session.open(request.socket, request.form);
    try {
      if (request.words.length > 0) return await session.run(request.words);
      const { converse } = await import('./switchctl/converse.ts');
      return await converse(session);
    } finally {
      session.close();
    }
  } catch (error) {
    if (!(error instanceof ConsoleUnreachable)) throw error;
    process.stderr.write(`uml switchctl: ${error.message}\n`);
    return STATUS.usage;
  }
}
