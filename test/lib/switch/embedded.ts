/** Our switch in the test's own process, as the library gives it. */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  type Attachment,
  openSwitch,
  type PortInfo,
  type Switch,
  type SwitchEvent,
  type SwitchOptions,
} from '../../../src/lib/switch/index.ts';
import { temporaryDirectory } from '../../support/run.ts';

/** Only ends what hangs: a busy machine may stand still for a minute. */
const PATIENCE_MS = 120_000;

export class Embedded {
  readonly control: string;
  readonly network: Switch;
  readonly events: SwitchEvent[] = [];
  #heard = (): void => {};

  /** Runs until the end of the test. */
  constructor(options: Partial<SwitchOptions> = {}) {
    this.control = join(temporaryDirectory(), 'ctl');
    this.network = openSwitch({
      kind: 'switch',
      control: this.control,
      onEvent: (event) => {
        this.events.push(event);
        this.#heard();
      },
      onFailure: (error) => {
        throw error;
      },
      ...options,
    });
    this.network.run();
    onTestFinished(async () => {
      this.network.removeSockets();
      await this.network.close();
    });
  }

  attach(attachment: Attachment): Promise<number> {
    return this.network.attach(attachment);
  }

  port(number: number): PortInfo {
    const port = this.network.ports().find((each) => each.number === number);
    if (!port) throw new Error(`there is no port ${number}`);
    return port;
  }

  /** Waits until there are events for which `test` gives something. */
  async waitFor<T>(test: (events: readonly SwitchEvent[]) => T | undefined): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const value = test(this.events);
      if (value !== undefined) return value;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`it did not happen: ${JSON.stringify(this.events)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#heard = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Waits until this many clients have got their ports. Their numbers, the first 5. */
  async connected(count: number): Promise<number[]> {
    return this.waitFor((events) => {
      const ports = events.flatMap((each) => (each.event === 'connected' ? [each.port] : []));
      return ports.length >= count ? ports : undefined;
    });
  }

  /** Waits until the port has ended. The errno, or 'closed'. */
  async ended(port: number): Promise<number | 'closed'> {
    return this.waitFor((events) => {
      for (const event of events) {
        if (event.event === 'frames' && event.report.report === 'ended' && event.report.port === port) {
          return event.report.errno ?? 'closed';
        }
      }
      return undefined;
    });
  }

  /** Waits until the counters of a port are as `test` wants them. */
  async counted(number: number, test: (port: PortInfo) => boolean): Promise<PortInfo> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const port = this.port(number);
      if (test(port)) return port;
      if (Date.now() > deadline) throw new Error(`it did not come so far: ${JSON.stringify(port)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
