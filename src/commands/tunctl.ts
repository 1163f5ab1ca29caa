import { createDevice, deleteDevice, setCarrier, TuntapError } from '../lib/tuntap/index.ts';
import { parseArguments, type Request } from './tunctl/arguments.ts';
import { listing } from './tunctl/list.ts';
import { created, deleted, help } from './tunctl/messages.ts';

/** tunctl: creates and deletes persistent TUN/TAP devices; drop-in for the C tool's command line (spec 9). */
export function main(args: readonly string[], name: string): number {
  const request = parseArguments(args, name, process.env);
  if (request.what === 'refuse') {
    process.stderr.write(request.text);
    return 1;
  }
  try {
    process.stdout.write(perform(request, name));
    return 0;
  } catch (error) {
    if (!(error instanceof TuntapError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

/** Does it, and says what is to be printed. */
function perform(request: Exclude<Request, { what: 'refuse' }>, program: string): string {
  switch (request.what) {
    case 'create': {
      const { brief, device } = request;
      const nobody = device.owner === undefined && device.group === undefined;
      const owner = nobody ? process.geteuid?.() : device.owner;
      const name = createDevice({ ...device, ...(owner !== undefined && { owner }) });
      return brief ? `${name}\n` : created(name, owner, device.group);
    }
    case 'delete': {
      const { name, cloneDevice } = request;
      return deleted(deleteDevice(name, cloneDevice === undefined ? {} : { cloneDevice }));
    }
    case 'list':
      return listing(request.json ? 'json' : 'table');
    case 'carrier':
      setCarrier(request.name, request.carrier);
      return '';
    case 'help':
      return help(program);
  }
}
