import { type Notification, notify } from '../../lib/mconsole/index.ts';
import { errnoOf } from '../../lib/os/index.ts';
import type { Report } from './report.ts';

/** EAGAIN, which UML gets from sendto when the queue of the listener is full. */
const QUEUE_FULL = 11;

/** Tells the socket of `mconsole=notify:` what happens to the instance; a listener that is not there is no failure. */
export class Notifier {
  readonly #socket: string | undefined;
  readonly #report: Report;

  constructor(socket: string | undefined, report: Report) {
    this.#socket = socket;
    this.#report = report;
  }

  /** Does not wait. What goes wrong is logged in UML's words (arch/um/drivers/mconsole_user.c). */
  tell(notification: Notification): void {
    if (this.#socket === undefined) return;
    try {
      notify(this.#socket, notification);
    } catch (error) {
      this.#report(`mconsole_notify - sendto failed, errno = ${errnoOf(error) ?? QUEUE_FULL}`);
    }
  }
}
