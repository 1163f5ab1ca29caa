import { constants } from 'node:os';
import { isatty } from 'node:tty';
import { errorText } from '../lib/os/index.ts';
import {
  type Attachment,
  CaptureError,
  type ConsoleSocket,
  type Managed,
  switchMessages as messages,
  openConsole,
  openSink,
  openSwitch,
  type SocketAccess,
  type Switch,
  SwitchError,
  sinkOfDescriptor,
} from '../lib/switch/index.ts';
import { reportReady, startInBackground, takeReadyFd } from './switch/background.ts';
import { Log } from './switch/log.ts';
import { notifyManager } from './switch/notify.ts';
import { PidFile, PidFileError } from './switch/pidfile.ts';
import { parseSettings, type Settings } from './switch/settings.ts';
import { serveTerminal } from './switch/terminal.ts';

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const STDOUT = 1;

/** Drop-in for the C tool's command line (spec 8.1); the long options are ours. */
export async function main(args: readonly string[], name: string): Promise<number> {
  const parsed = parseSettings(args, name);
  const { settings } = parsed;
  const readyFd = takeReadyFd();
  if (settings?.background && readyFd === undefined) return startInBackground(settings.attachments);
  process.stdout.on('error', () => {}); // whoever read the log is gone; the network stays up
  process.stderr.on('error', () => {});
  const log = new Log(settings?.pcap === '-' ? 'stderr' : undefined);
  log.print(parsed.lines);
  if (!parsed.settings) return parsed.status;
  const service = new Service(parsed.settings, name, log);
  try {
    return await service.serve(readyFd);
  } catch (error) {
    await service.cleanUp();
    log.print(failureLines(error, name, parsed.settings));
    return 1;
  }
}

function failureLines(error: unknown, name: string, { data }: Settings): messages.Line[] {
  if (error instanceof SwitchError) return messages.errorLines(error.detail, name, data === undefined ? 1 : 2);
  if (error instanceof PidFileError || error instanceof CaptureError)
    return [messages.failureLine(name, error.message)];
  throw error;
}

/** Why the switch ends, but for signals. */
type End = 'input' | 'console' | SwitchError;

/** A switch with all that is around it: console, capture, process id file, signals. */
class Service {
  readonly #settings: Settings;
  readonly #name: string;
  readonly #log: Log;
  readonly #ended: Promise<End>;
  #end: (reason: End) => void = () => {};
  #network: Switch | undefined;
  #console: ConsoleSocket | undefined;
  #pidFile: PidFile | undefined;

  constructor(settings: Settings, name: string, log: Log) {
    this.#settings = settings;
    this.#name = name;
    this.#log = log;
    this.#ended = new Promise<End>((resolve) => {
      this.#end = resolve;
    });
  }

  /** Serves until the end, and cleans up. @throws SwitchError, CaptureError, PidFileError */
  async serve(readyFd: number | undefined): Promise<number> {
    const { control, data, attachments, pidfile } = this.#settings;
    for (const signal of ENDING_SIGNALS) process.once(signal, () => this.#dieOf(signal));
    if (pidfile !== undefined) this.#pidFile = new PidFile(pidfile);
    const network = await this.#open();
    this.#log.print([messages.attachedLine(this.#name, control, data, tapsOf(attachments))]);
    network.run();
    const managed: Managed = {
      network,
      stop: () => void setImmediate(() => this.#end('console')), // the answer goes out first
      follow: (listener) => this.#log.follow(listener),
    };
    this.#console?.serve(managed);
    this.#pidFile?.write();
    if (readyFd !== undefined) reportReady(readyFd);
    this.#notify(readyFd === undefined ? ['READY=1'] : [`MAINPID=${process.pid}`, 'READY=1']);
    if (isatty(0)) serveTerminal(managed, this.#log, () => this.#end('input'));

    const reason = await this.#ended;
    if (reason === 'input') this.#log.print([messages.endOfInputLine]);
    if (reason === 'console') this.#log.print([messages.stoppedLine]);
    this.#notify(['STOPPING=1']);
    await this.cleanUp();
    if (reason instanceof SwitchError) throw reason;
    return 0;
  }

  /** Makes all that has a name or a device, so that what can't be had is told before the start line. */
  async #open(): Promise<Switch> {
    const { attachments, console, access, pcap } = this.#settings;
    const network = openSwitch({
      ...this.#settings,
      onEvent: (event) => this.#log.print(messages.eventLines(event), event),
      onFailure: this.#end,
    });
    this.#network = network;
    if (console !== undefined) this.#console = openConsole(console, { ...access, mode: consoleMode(access) });
    for (const attachment of attachments) await network.attach(attachment);
    if (pcap !== undefined) {
      const sink = pcap === '-' ? await sinkOfDescriptor(STDOUT, 'standard output') : await openSink(pcap);
      await network.capture({ ports: 'all', to: pcap, sink });
    }
    return network;
  }

  /** Removes all files and ends all connections; once. */
  async cleanUp(): Promise<void> {
    this.#removeFiles();
    for (const signal of ENDING_SIGNALS) process.removeAllListeners(signal);
    this.#console?.close();
    await this.#network?.close();
    this.#network = undefined;
    process.stdin.destroy();
  }

  #removeFiles(): void {
    const failures = this.#network?.removeSockets() ?? [];
    const errno = this.#console?.remove();
    for (const { socket, path, errno } of failures) this.#log.print([messages.removalLine(socket, path, errno)]);
    if (errno !== undefined) {
      this.#log.print([messages.removalLine('console', this.#settings.console ?? '', errno)]);
    }
    this.#pidFile?.remove();
  }

  /** Cleans up and dies of the signal, so that the parent sees what ended us. A second one ends it at once. */
  #dieOf(signal: (typeof ENDING_SIGNALS)[number]): void {
    this.#log.print([messages.signalLine(constants.signals[signal])]);
    this.#removeFiles();
    for (const each of ENDING_SIGNALS) process.removeAllListeners(each);
    this.#notify(['STOPPING=1']);
    const written = this.#network?.stopCaptures() ?? Promise.resolve();
    void written.finally(() => process.kill(process.pid, signal));
  }

  #notify(state: readonly string[]): void {
    try {
      notifyManager(state);
    } catch (error) {
      this.#log.print([messages.failureLine(this.#name, `$NOTIFY_SOCKET: ${errorText(error)}`)]);
    }
  }
}

/** Through the console files are written in our name: others never may, without --mode nobody but our user. */
function consoleMode(access: SocketAccess | undefined): number {
  return access === undefined ? 0o600 : access.mode & 0o770;
}

function tapsOf(attachments: readonly Attachment[]): string[] {
  return attachments.flatMap((each) => (each.kind === 'tap' ? [each.device] : []));
}
