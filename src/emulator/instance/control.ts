import { type Command, type MconsoleServer, type Reply, SERVER_HELP, serveMconsole } from '../../lib/mconsole/index.ts';
import { DeviceError, parseUbd, parseUnit, UBD_COUNT } from '../cmdline/index.ts';
import type { Machine } from '../cpu/index.ts';
import { type KernelName, kernelName, type ManagementDevice, ManagementError } from '../devices/index.ts';
import type { Consoles } from './consoles.ts';
import type { Disks } from './disks.ts';
import { DiskError, InstanceError } from './error.ts';

const ENOENT = 2;
const ESRCH = 3;

export interface ControlOptions {
  machine: Machine;
  management: ManagementDevice;
  disks: Disks;
  consoles: Consoles;
}

/** The instance's management console: what each command does and answers (spec 3). */
export class Control {
  readonly #options: ControlOptions;
  #server: MconsoleServer | undefined;
  #stopped = false;
  /** What the guest kernel called itself when it was last asked. */
  #name: KernelName;
  /** Requests to the guest that are under way: a stopped machine runs for them. */
  #waiting = 0;

  constructor(options: ControlOptions, name: KernelName) {
    this.#options = options;
    this.#name = name;
  }

  /** Serves the console on a socket. @throws OsError, MconsoleError */
  listen(path: string): void {
    this.#server = serveMconsole({ path, commands: this.#commands() });
  }

  close(): void {
    this.#server?.close();
  }

  #commands(): Record<string, Command> {
    return {
      version: (_, reply) => this.#version(reply),
      help: (_, reply) => reply.ok(SERVER_HELP),
      halt: (_, reply) => this.#afterReply(reply, 'halt'),
      reboot: (_, reply) => this.#afterReply(reply, 'reboot'),
      cad: (_, reply) => this.#afterReply(reply, 'cad'),
      stop: (_, reply) => this.#stop(reply),
      go: (_, reply) => this.#go(reply),
      config: (argument, reply) => answer(reply, () => this.#config(argument.trim())),
      remove: (argument, reply) => answer(reply, () => this.#remove(argument.trim())),
      sysrq: (argument, reply) => this.#stream(reply, 'sysrq', Buffer.from([argument.trim().charCodeAt(0) || 0])),
      log: (argument, reply) => this.#logText(reply, argument),
      proc: (argument, reply) => this.#proc(reply, argument.trim()),
      stack: (argument, reply) => this.#stack(reply, argument.trim()),
    };
  }

  async #version(reply: Reply): Promise<void> {
    if (!this.#stopped) await this.#learnName(); // a stopped guest does not run just to say it
    const { system, node, release, version, machine } = this.#name;
    await reply.ok(`${system} ${node} ${release} ${version} ${machine}`);
  }

  async #learnName(): Promise<void> {
    this.#name = kernelName(await this.#options.management.request('version'));
  }

  async #afterReply(reply: Reply, operation: 'halt' | 'reboot' | 'cad'): Promise<void> {
    await reply.ok();
    await this.#ask(() => this.#options.management.request(operation));
  }

  async #stop(reply: Reply): Promise<void> {
    if (this.#stopped) return reply.error('Already stopped');
    this.#stopped = true;
    await this.#learnName();
    await this.#options.machine.stop();
    await reply.ok('stopped');
  }

  async #go(reply: Reply): Promise<void> {
    if (!this.#stopped) return reply.error('Not stopped');
    this.#stopped = false;
    this.#options.machine.run();
    await reply.ok();
  }

  /** Runs a request to the guest; a stopped machine executes for as long as that takes. */
  async #ask<T>(request: () => Promise<T>): Promise<T> {
    const { machine } = this.#options;
    this.#waiting++;
    try {
      if (this.#stopped) machine.run();
      return await request();
    } finally {
      this.#waiting--;
      if (this.#stopped && this.#waiting === 0) await machine.stop();
    }
  }

  async #config(text: string): Promise<string> {
    const equals = text.includes('=');
    if (text.startsWith('ubd')) return equals ? this.#configureDisk(text.slice(3)) : this.#describeDisk(text.slice(3));
    if (text.startsWith('con') && !equals) return this.#options.consoles.describe('console', text.slice(3));
    if (text.startsWith('ssl') && !equals) return this.#options.consoles.describe('serial line', text.slice(3));
    if (/^(eth|vec)/.test(text) && !equals) throw new InstanceError('no-get');
    throw new InstanceError('no-option');
  }

  #describeDisk(text: string): string {
    const unit = parseUnit(text)?.unit;
    if (unit === undefined || unit >= UBD_COUNT) throw new InstanceError('get-range');
    return this.#options.disks.describe(unit);
  }

  async #configureDisk(text: string): Promise<string> {
    const { disks, machine, management } = this.#options;
    const word = parseUbd(text, (unit) => disks.configured(unit));
    if (word.kind === 'disk') await this.#ask(() => disks.add(machine, management, word.disk));
    if (word.kind === 'sync') disks.synchronous = true;
    return '';
  }

  async #remove(text: string): Promise<string> {
    const { disks, machine, management } = this.#options;
    if (!text.startsWith('ubd')) throw new InstanceError('no-remove');
    const found = parseUnit(text.slice(3));
    if (found?.rest !== '') throw new InstanceError('unit-syntax');
    if (found.unit >= UBD_COUNT) throw new InstanceError('unit-range');
    await this.#ask(() => disks.remove(machine, management, found.unit));
    return '';
  }

  async #logText(reply: Reply, text: string): Promise<void> {
    await this.#ask(() => this.#options.management.request('log', Buffer.from(text)));
    await reply.ok();
  }

  async #proc(reply: Reply, path: string): Promise<void> {
    try {
      await this.#ask(async () => {
        let first = true;
        await this.#options.management.request('proc', Buffer.from(path), (part) => {
          void reply.write(first ? '\n' : '');
          first = false;
          void reply.write(Buffer.from(part).toString('latin1'));
        });
      });
      await reply.ok();
    } catch (error) {
      if (!(error instanceof ManagementError)) throw error;
      await reply.error(error.errno === ENOENT ? 'Failed to open file' : 'Read of file failed');
    }
  }

  async #stack(reply: Reply, pid: string): Promise<void> {
    try {
      await this.#stream(reply, 'stack', Buffer.from(pid));
    } catch (error) {
      if (!(error instanceof ManagementError)) throw error;
      await reply.error(error.errno === ESRCH ? "Couldn't find that pid" : 'Please specify a pid');
    }
  }

  /** A command whose output comes from the guest piece by piece, and ends with an empty one. */
  async #stream(reply: Reply, operation: 'sysrq' | 'stack', data: Uint8Array): Promise<void> {
    await this.#ask(() =>
      this.#options.management.request(operation, data, (part) => {
        if (part.length > 0) void reply.write(Buffer.from(part).toString('latin1'));
      }),
    );
    await reply.ok();
  }
}

/** Answers with the text that the work returns, or with the error that it throws as UML words it. */
async function answer(reply: Reply, work: () => Promise<string>): Promise<void> {
  try {
    await reply.ok(await work());
  } catch (error) {
    if (error instanceof DeviceError || error instanceof InstanceError) await reply.error(error.message, error.err);
    else if (error instanceof DiskError) await reply.error(error.message, -error.errno);
    else throw error;
  }
}
