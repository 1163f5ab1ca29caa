import { type MconsoleReply, type RequestOptions, request } from './client.ts';
import { MconsoleError } from './error.ts';
import { logRequests } from './log.ts';

/** The instance refused a command; the message is its own text, `err` 1 or a negative errno. */
export class MconsoleRefusal extends Error {
  override readonly name = 'MconsoleRefusal';
  readonly command: string;
  readonly err: number;

  constructor(command: string, { text, err }: MconsoleReply) {
    super(text);
    this.command = command;
    this.err = err;
  }
}

/**
 * An instance's management console, a method a command (spec 3). Each throws MconsoleRefusal where the instance says
 * `ERR`, and MconsoleError as `request` does, and TRUNCATED where the end of an answer was lost.
 */
export class Mconsole {
  readonly socketPath: string;
  private readonly options: RequestOptions;

  /** @param socketPath e.g. from `findSocket(umid, process.env).socketPath` */
  constructor(socketPath: string, options: RequestOptions = {}) {
    this.socketPath = socketPath;
    this.options = options;
  }

  /** The kernel's name, host name, release, version and machine, with blanks between them. */
  version(): Promise<string> {
    return this.ask('version');
  }

  help(): Promise<string> {
    return this.ask('help');
  }

  /** Halts it at once: nothing is synced or unmounted. */
  async halt(): Promise<void> {
    await this.ask('halt');
  }

  /** Reboots it at once, in the same way. */
  async reboot(): Promise<void> {
    await this.ask('reboot');
  }

  /** Control-Alt-Del: init decides. */
  async ctrlAltDel(): Promise<void> {
    await this.ask('cad');
  }

  /** Pauses it: it answers its console and does nothing else. Refused where it is paused already. */
  async stop(): Promise<void> {
    await this.ask('stop');
  }

  /** Refused where it is not paused. */
  async go(): Promise<void> {
    await this.ask('go');
  }

  /** What a device (`ubda`, `con0`) is configured as, in the syntax of the command line. */
  config(device: string): Promise<string> {
    return this.ask(`config ${device}`);
  }

  /** Plugs a device in. File names are relative to the instance's working directory: give absolute ones. */
  async configure(device: string, value: string): Promise<void> {
    await this.ask(`config ${device}=${value}`);
  }

  /** Unplugs a device. err is -EBUSY while it is in use, -ENODEV where there is none. */
  async remove(device: string): Promise<void> {
    await this.ask(`remove ${device}`);
  }

  /** Does what the SysRq key with this letter does; what the kernel printed meanwhile. */
  sysrq(letter: string): Promise<string> {
    return this.ask(`sysrq ${letter}`);
  }

  /** A file of the guest's /proc, by its name there. UML puts an empty line before it, which is left out. */
  async proc(file: string): Promise<string> {
    return (await this.ask(`proc ${file}`)).replace(/^\n/, '');
  }

  /** The kernel stack of a process of the guest. */
  stack(pid: number): Promise<string> {
    return this.ask(`stack ${pid}`);
  }

  /** Enters text of any length into the kernel log; lines are not torn. */
  async log(text: string): Promise<void> {
    for (const logRequest of logRequests(Buffer.from(text))) await this.ask(logRequest);
  }

  private async ask(command: string | Uint8Array): Promise<string> {
    const reply = await request(this.socketPath, command, this.options);
    if (reply.err !== 0) throw new MconsoleRefusal(command.toString(), reply);
    if (reply.truncated) throw new MconsoleError('TRUNCATED', `the end of the answer to '${command}' was lost`);
    return reply.text;
  }
}
