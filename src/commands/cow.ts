import { compact, convert, create, rebase } from './cow/change.ts';
import { check, diff, info, map } from './cow/look.ts';
import { report, STATUS } from './cow/outcome.ts';
import { type AnyRequest, parseRequest } from './cow/request.ts';
import { endedBySignals } from './mconsole/signals.ts';

/** `uml cow`: looks into COW files and changes them. */
export async function main(words: readonly string[]): Promise<number> {
  const request = await parseRequest(words);
  try {
    return await carryOut(request);
  } catch (error) {
    return report(error);
  }
}

async function carryOut(request: AnyRequest): Promise<number> {
  switch (request.what) {
    case 'help':
      process.stdout.write(`${request.text}\n`);
      return STATUS.success;
    case 'wrong':
      process.stderr.write(`uml cow: ${request.text.replace(/\.$/, '')}; see uml cow --help\n`);
      return STATUS.usage;
    case 'info':
      return info(request.image, request.json);
    case 'map':
      return map(request.image, request.json);
    case 'check':
      return check(request.cow, request);
    case 'diff':
      return stoppable((signal) => diff(request.first, request.second, { json: request.json, signal }));
    case 'create':
      return create(request);
    case 'convert':
      return stoppable((signal) => convert(request, signal));
    case 'compact':
      return stoppable((signal) => compact(request, signal));
    case 'rebase':
      return stoppable((signal) => rebase(request, signal));
  }
}

/** Runs work that has something to clean up when a signal comes, by which the process then ends. The rest just ends. */
function stoppable(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  return endedBySignals(async (signal) => {
    try {
      return await work(signal);
    } catch (error) {
      if (signal.aborted) return STATUS.failure;
      throw error;
    }
  });
}
