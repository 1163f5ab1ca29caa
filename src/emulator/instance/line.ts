import type { WindowSize } from '../../lib/os/index.ts';
import { type Channel, type ChannelContext, ChannelError, openChannel, setupProblems } from '../channels/index.ts';
import type { Report } from './report.ts';

/** A tty of the guest, as a line sees it. */
export interface LinePort {
  /** Types into the tty. False: no more until `Line.inputDrained`. */
  send(bytes: Uint8Array): boolean;
  resize(size: WindowSize): void;
  /** The channel takes output again. */
  outputDrained(): void;
}

/**
 * One console or serial line. Its channel is opened when the guest first writes to it, as UML opens a line with its
 * tty; an inherited descriptor at once, because somebody may be typing already.
 */
export class Line {
  readonly #spec: string;
  readonly #context: ChannelContext;
  readonly #port: LinePort;
  readonly #report: Report;
  #state: 'waiting' | 'open' | 'dead' = 'waiting';
  #channel: Channel | undefined;

  constructor(spec: string, context: ChannelContext, port: LinePort, report: Report) {
    const problems = setupProblems(spec, context.unit);
    for (const problem of problems) report(problem);
    this.#spec = problems.length > 0 ? 'none' : spec;
    this.#context = context;
    this.#port = port;
    this.#report = report;
    if (this.#spec.startsWith('fd:')) this.#open();
  }

  get description(): string {
    return this.#channel?.opened ?? this.#spec;
  }

  /** Output of the guest. False: stop until `LinePort.outputDrained`. */
  output(bytes: Uint8Array): boolean {
    if (this.#state === 'waiting') this.#open();
    return this.#channel?.write(bytes) ?? true;
  }

  inputDrained(): void {
    this.#channel?.resume();
  }

  flush(): Promise<void> {
    return this.#channel?.flush() ?? Promise.resolve();
  }

  close(): void {
    this.#state = 'dead';
    this.#channel?.close();
    this.#channel = undefined;
  }

  #open(): void {
    this.#state = 'dead';
    try {
      this.#channel = openChannel(this.#spec, this.#context);
    } catch (error) {
      if (!(error instanceof ChannelError)) throw error;
      const name = this.#context.kind === 'console' ? 'console' : 'serial line';
      this.#report(error.log ?? `${name} ${this.#context.unit}: ${error.message}`);
      return;
    }
    const channel = this.#channel;
    if (!channel) return;
    this.#state = 'open';
    channel.onData = (bytes) => {
      if (!this.#port.send(bytes)) channel.pause();
    };
    channel.onResize = (size) => this.#port.resize(size);
    channel.onDrain = () => this.#port.outputDrained();
    const size = channel.windowSize();
    if (size) this.#port.resize(size);
    if (channel.announcement) this.#report(channel.announcement);
  }
}
