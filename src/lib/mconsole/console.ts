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

/** What an instance says of its kernel: the fields of uname(2). */
export interface KernelVersion {
  /** The whole answer, e.g. `Linux usermode 6.1.176 #1 Sat Jul  4 15:38:16 UTC 2026 x86_64`. */
  text: string;
  system: string;
  hostName: string;
  release: string;
  version: string;
  machine: string;
}

/** Devices that can be asked for their configuration, as the kernel numbers them. */
const ASKED_DEVICES: readonly string[] = [
  ...Array.from('abcdefghijklmnop', (letter) => `ubd${letter}`),
  ...Array.from({ length: 16 }, (_, unit) => `con${unit}`),
  ...Array.from({ length: 16 }, (_, unit) => `ssl${unit}`),
];

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

  async version(): Promise<KernelVersion> {
    const text = await this.command('version');
    const [, system = '', hostName = '', release = '', version = '', machine = ''] =
      /^(\S*) ?(\S*) ?(\S*) ?(.*?) ?(\S*)$/s.exec(text) ?? [];
    return { text, system, hostName, release, version, machine };
  }

  /** The help text, which lists the commands that the instance knows. */
  help(): Promise<string> {
    return this.command('help');
  }

  /** The words of the commands that the instance knows, read from its help. */
  async commands(): Promise<string[]> {
    const text = await this.help();
    return [...new Set([...text.matchAll(/^ {4}(\w+)\b/gm)].map((line) => line[1] ?? ''))];
  }

  /** Halts it at once: nothing is synced or unmounted. */
  async halt(): Promise<void> {
    await this.command('halt');
  }

  /** Reboots it at once, in the same way. */
  async reboot(): Promise<void> {
    await this.command('reboot');
  }

  /** Control-Alt-Del: init decides. */
  async ctrlAltDel(): Promise<void> {
    await this.command('cad');
  }

  /** Pauses it: it answers its console and does nothing else. Refused where it is paused already. */
  async stop(): Promise<void> {
    await this.command('stop');
  }

  /** Refused where it is not paused. */
  async go(): Promise<void> {
    await this.command('go');
  }

  /** What a device (`ubda`, `con0`) is configured as, in the syntax of the command line. */
  config(device: string): Promise<string> {
    return this.command(`config ${device}`);
  }

  /**
   * The devices that are configured: disks, consoles and serial lines as the instance tells when it is asked, and the
   * network interfaces of its command line, as it does not tell which there are.
   */
  async devices(): Promise<string[]> {
    const found: string[] = [];
    for (const device of ASKED_DEVICES) {
      const { err, text } = await request(this.socketPath, `config ${device}`, this.options);
      if (err === 0 && text !== '' && text !== 'none') found.push(device);
    }
    const { err, text } = await request(this.socketPath, 'proc cmdline', this.options);
    const words = err === 0 ? text.split(/\s+/) : [];
    return [...found, ...words.flatMap((word) => /^((?:eth|vec)\d+)[=:]/.exec(word)?.[1] ?? [])];
  }

  /** The memory that the guest's kernel has, in bytes: MemTotal of its /proc/meminfo. */
  async memory(): Promise<number> {
    const kilobytes = /^MemTotal:\s+(\d+) kB$/m.exec(await this.proc('meminfo'))?.[1];
    if (kilobytes === undefined) throw new MconsoleError('MALFORMED', 'there is no MemTotal in /proc/meminfo');
    return Number(kilobytes) * 1024;
  }

  /** Plugs a device in. File names are relative to the instance's working directory: give absolute ones. */
  async configure(device: string, value: string): Promise<void> {
    await this.command(`config ${device}=${value}`);
  }

  /** Unplugs a device. err is -EBUSY while it is in use, -ENODEV where there is none. */
  async remove(device: string): Promise<void> {
    await this.command(`remove ${device}`);
  }

  /** Does what the SysRq key with this letter does; what the kernel printed meanwhile. */
  sysrq(letter: string): Promise<string> {
    return this.command(`sysrq ${letter}`);
  }

  /** A file of the guest's /proc, by its name there. UML puts an empty line before it, which is left out. */
  async proc(file: string): Promise<string> {
    return (await this.command(`proc ${file}`)).replace(/^\n/, '');
  }

  /** The kernel stack of a process of the guest. */
  stack(pid: number): Promise<string> {
    return this.command(`stack ${pid}`);
  }

  /** Enters text of any length into the kernel log; lines are not torn. */
  async log(text: string): Promise<void> {
    for (const logRequest of logRequests(Buffer.from(text))) await this.command(logRequest);
  }

  /** Any command, for those that a later kernel, or a server of one's own, has. */
  async command(command: string | Uint8Array): Promise<string> {
    const reply = await request(this.socketPath, command, this.options);
    if (reply.err !== 0) throw new MconsoleRefusal(command.toString(), reply);
    if (reply.truncated) throw new MconsoleError('TRUNCATED', `the end of the answer to '${command}' was lost`);
    return reply.text;
  }
}
