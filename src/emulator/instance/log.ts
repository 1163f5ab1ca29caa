import type { ManagementDevice } from '../devices/index.ts';
import type { Report } from './report.ts';

/**
 * The way into the guest kernel's log for messages that UML would print there. What comes before the kernel can take it
 * waits.
 */
export class GuestLog {
  #management: ManagementDevice | undefined;
  #waiting: string[] = [];

  readonly report: Report = (message) => {
    if (this.#management) this.#send(this.#management, message);
    else this.#waiting.push(message);
  };

  /** The kernel's driver is up. */
  connect(management: ManagementDevice): void {
    this.#management = management;
    for (const message of this.#waiting.splice(0)) this.#send(management, message);
  }

  /** Messages that never reached the kernel: it died first. */
  drain(): string[] {
    return this.#waiting.splice(0);
  }

  #send(management: ManagementDevice, message: string): void {
    management.request('log', Buffer.from(message)).catch(() => {});
  }
}
