import { compact, convert, create, rebase } from './cow/change.ts';
import { check, diff, info, map } from './cow/look.ts';
import { report, STATUS } from './cow/outcome.ts';
import { type AnyRequest, parseRequest } from './cow/request.ts';
import { endedBySignals } from './mconsole/signals.ts';

/** `uml cow`: looks into COW files and changes them. */
export async function main(words: readonly string[]): Promise<number> {
  const request = await parseRequest(words);
  return endedBySignals(async (signal) => {
    try {
      return await carryOut(request, signal);
    } catch (error) {
      if (signal.aborted) return STATUS.failure; // the process ends by the signal
      return report(error);
    }
  });
}

async function carryOut(request: AnyRequest, signal: AbortSignal): Promise<number> {
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
      return diff(request.first, request.second, { json: request.json, signal });
    case 'create':
      return create(request);
    case 'convert':
      return convert(request, signal);
    case 'compact':
      return compact(request, signal);
    case 'rebase':
      return rebase(request, signal);
  }
}
