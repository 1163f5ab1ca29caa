import type { Counters } from '../counters.ts';
import { SwitchError } from '../error.ts';
import type { SwitchEvent } from '../events.ts';
import type { LinkSpec } from '../links/index.ts';
import type { FrameReport, Plane } from '../plane/thread.ts';
import type { PortInfo, PortKind, PortVlan, Setting, SwitchSettings } from '../ports.ts';
import { PortNumbers } from './port-numbers.ts';
import { checkSetting } from './settings.ts';

interface Port {
  kind: PortKind;
  name: string;
  state: 'up' | 'down';
  vlan: PortVlan;
  /** Closes what is behind the port: its descriptors, its control connection. */
  close: () => void;
}

/** All ports that there are, whoever made them, and what is set. The main thread's view; frames are the plane's. */
export class Ports {
  #settings: SwitchSettings;
  readonly #numbers = new PortNumbers();
  readonly #ports = new Map<number, Port>();
  readonly #plane: Plane;
  readonly #counters: Counters;
  readonly #onEvent: (event: SwitchEvent) => void;
  /** Called when a port is gone, before its number is another's. */
  onRemove: (number: number) => void = () => {};

  /** `settings` are those that the plane was started with. */
  constructor(plane: Plane, counters: Counters, settings: SwitchSettings, onEvent: (event: SwitchEvent) => void) {
    this.#plane = plane;
    this.#counters = counters;
    this.#settings = settings;
    this.#onEvent = onEvent;
  }

  get settings(): SwitchSettings {
    return this.#settings;
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
    this.onRemove(number);
    this.#ports.delete(number);
    this.#settings = withoutPort(this.#settings, number);
    const gone = this.#plane.remove(number);
    const end = (): void => {
      port.close();
      this.#numbers.give(number);
    };
    // The thread may be reading from the port's descriptor, whose number could be another file's in the next moment.
    if (port.kind === 'client') end();
    else void gone.then(end);
  }

  /** What the thread of the frames told: a port whose other side is gone ends here too. */
  handle(report: FrameReport): void {
    if (report.report === 'ended') this.remove(report.port);
    this.#onEvent({ event: 'frames', report });
  }

  has(number: number): boolean {
    return this.#ports.has(number);
  }

  /** @throws SwitchError PORT */
  rename(number: number, name: string): void {
    this.check(number).name = name;
  }

  /** @throws SwitchError PORT, VLAN, TRUNK, MIRROR, AGEING */
  change(setting: Setting): void {
    checkSetting(setting, this);
    if (setting.set === 'state') this.check(setting.port).state = setting.state;
    else if (setting.set === 'vlan') this.check(setting.port).vlan = setting.vlan;
    else this.#settings = changed(this.#settings, setting);
    this.#plane.set(setting);
  }

  /** The port of a number. @throws SwitchError PORT */
  check(number: number): Port {
    const port = this.#ports.get(number);
    if (!port) throw new SwitchError({ code: 'PORT', port: number });
    return port;
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

  /** Closes what is behind the ports, when the plane has stopped. */
  closeAll(): void {
    for (const { close } of this.#ports.values()) close();
    this.#ports.clear();
  }
}

function changed(settings: SwitchSettings, setting: Exclude<Setting, { port: number }>): SwitchSettings {
  switch (setting.set) {
    case 'kind':
      return { ...settings, kind: setting.kind };
    case 'ageing':
      return { ...settings, ageing: setting.seconds };
    case 'mirror':
      return { ...settings, mirror: setting.mirror };
  }
}

/** The number of a port that is gone may soon be another's: the mirror forgets it, and ends with its last port. */
function withoutPort(settings: SwitchSettings, port: number): SwitchSettings {
  const { mirror } = settings;
  if (!mirror) return settings;
  const from = mirror.from === 'all' ? mirror.from : mirror.from.filter((each) => each !== port);
  return { ...settings, mirror: mirror.to === port || from.length === 0 ? undefined : { ...mirror, from } };
}
