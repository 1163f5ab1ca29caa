import type { Counters } from '../counters.ts';
import type { SwitchEvent } from '../events.ts';
import type { LinkSpec } from '../links/index.ts';
import type { FrameReport, Plane } from '../plane/thread.ts';
import type { PortInfo, PortKind, PortVlan } from '../ports.ts';
import { PortNumbers } from './port-numbers.ts';

interface Port {
  kind: PortKind;
  name: string;
  state: 'up' | 'down';
  vlan: PortVlan;
  /** Closes what is behind the port: its descriptors, its control connection. */
  close: () => void;
}

/** All ports that there are, whoever made them. The main thread's view; frames are the plane's. */
export class Ports {
  readonly #numbers = new PortNumbers();
  readonly #ports = new Map<number, Port>();
  readonly #plane: Plane;
  readonly #counters: Counters;
  readonly #onEvent: (event: SwitchEvent) => void;

  constructor(plane: Plane, counters: Counters, onEvent: (event: SwitchEvent) => void) {
    this.#plane = plane;
    this.#counters = counters;
    this.#onEvent = onEvent;
  }

  /** A number for what may become a port; undefined when all are taken. It is given back by `release`, or by the port's end. */
  reserve(): number | undefined {
    return this.#numbers.take();
  }

  release(number: number): void {
    this.#numbers.give(number);
  }

  /**
   * Makes a port of a reserved number; its frames are forwarded when this resolves.
   * @param close closes what is behind the port; called once, when the port is removed
   */
  async add(number: number, kind: PortKind, name: string, link: LinkSpec, close: () => void): Promise<void> {
    this.#ports.set(number, { kind, name, state: 'up', vlan: { mode: 'transparent' }, close });
    await this.#plane.add(number, link);
  }

  /** Takes a port away. Nothing happens if it is gone already. */
  remove(number: number): void {
    const port = this.#ports.get(number);
    if (!port) return;
    this.#ports.delete(number);
    const gone = this.#plane.remove(number);
    const end = (): void => {
      port.close();
      this.#numbers.give(number);
    };
    // The thread may be reading from the port's descriptor, whose number could be another file's in the next moment.
    if (port.kind === 'client' || port.kind === 'vde') end();
    else void gone.then(end);
  }

  /** What the thread of the frames told: a port whose other side is gone ends here too. */
  handle(report: FrameReport): void {
    if (report.report === 'ended') this.remove(report.port);
    this.#onEvent({ event: 'frames', report });
  }

  /** A port's record, for changes. */
  get(number: number): Port | undefined {
    return this.#ports.get(number);
  }

  /** All ports, by number. */
  list(): PortInfo[] {
    return [...this.#ports]
      .sort(([a], [b]) => a - b)
      .map(([number, { kind, name, state, vlan }]) => ({
        number,
        kind,
        name,
        state,
        vlan,
        ...this.#counters.read(number),
      }));
  }

  closeAll(): void {
    for (const { close } of this.#ports.values()) close();
    this.#ports.clear();
  }
}
