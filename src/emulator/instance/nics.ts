import { randomBytes } from 'node:crypto';
import { ETH_SLOTS } from '../bus/index.ts';
import { announceNic, type NicConfig } from '../cmdline/index.ts';
import type { Machine } from '../cpu/index.ts';
import { NetDevice } from '../devices/index.ts';
import { type Link, openLink } from '../transports/index.ts';
import type { Report } from './report.ts';

const ETHERNET_MTU = 1500;
/** First byte of a random address: locally administered, not multicast. */
const LOCAL = 0x02;
const MULTICAST = 0x01;

/** The instance's network interfaces. */
export class Nics {
  readonly #report: Report;
  readonly #open: { nic: NicConfig; link: Link; handler: { device: NetDevice | undefined } }[] = [];

  constructor(report: Report) {
    this.#report = report;
  }

  /** Attaches an interface to its network. A failure is reported in UML's words: there is no such interface then. */
  async open(nic: NicConfig): Promise<void> {
    const handler: { device: NetDevice | undefined } = { device: undefined };
    try {
      const link = await openLink(nic, {
        onFrame: (frame) => handler.device?.receive(frame),
        onClose: () => this.#report(`${nic.device}${nic.unit}: the switch at ${nic.controlSocket} went away`),
      });
      this.#open.push({ nic, link, handler });
    } catch (error) {
      this.#report((error as Error).message);
    }
  }

  /** Puts every interface into a machine that does not run yet. */
  plugAll(machine: Machine): void {
    for (const { nic, link, handler } of this.#open) {
      const mac = nic.mac ?? randomMac();
      for (const line of announceNic(nic, mac)) this.#report(line);
      handler.device = new NetDevice(machine, {
        name: `${nic.device}${nic.unit}`,
        devfn: ETH_SLOTS + nic.unit,
        mac,
        mtu: ETHERNET_MTU,
        onFrame: (frame) => link.send(frame),
      });
      machine.plug(handler.device.device);
    }
  }

  close(): void {
    for (const { link } of this.#open.splice(0)) link.close();
  }
}

function randomMac(): Uint8Array {
  const mac = randomBytes(6);
  mac[0] = ((mac[0] as number) | LOCAL) & ~MULTICAST;
  return mac;
}
