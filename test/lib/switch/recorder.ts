/** A forwarder whose ports are all behind two links that send late: what they send is what lies there at the flush. */
import { Arena } from '../../../src/lib/os/index.ts';
import { Counters } from '../../../src/lib/switch/counters.ts';
import { Forwarder, type Link, MAX_PORTS } from '../../../src/lib/switch/plane/forwarder.ts';
import { FrameSlots } from '../../../src/lib/switch/plane/frame-slots.ts';
import type { PortVlan } from '../../../src/lib/switch/ports.ts';

export interface Sent {
  port: number;
  frame: Buffer;
}

export class Recorder {
  readonly counters = new Counters(MAX_PORTS);
  readonly log: string[] = [];
  seconds = 0;
  readonly forwarder: Forwarder;
  readonly #memory = new Arena(1024 * 1024);
  readonly #slots = new FrameSlots(this.#memory);
  #sent: Sent[] = [];

  /** Ports are transparent unless their VLANs are given. */
  constructor(ports: readonly number[], vlans: Record<number, PortVlan> = {}, kind: 'switch' | 'hub' = 'switch') {
    this.forwarder = new Forwarder({
      memory: this.#memory,
      kind,
      log: {
        learned: () => {},
        unknown: () => {},
        flapping: (_, high, port, other) =>
          void this.log.push(`${(high >>> 8) & 255} flaps between ${port} and ${other}`),
        loop: (port, other) => void this.log.push(`a loop from ${port} to ${other}`),
        loopOver: () => void this.log.push('no loop'),
        settled: (_, high, port) => void this.log.push(`${(high >>> 8) & 255} is on ${port}`),
      },
      counters: this.counters,
      clock: () => this.seconds,
    });
    const links = [this.#link(), this.#link()];
    for (const port of ports) this.forwarder.addPort(port, links[port % 2]!);
    for (const [port, vlan] of Object.entries(vlans)) this.forwarder.set({ set: 'vlan', port: Number(port), vlan });
  }

  /** Passes frames through as one batch. What was sent, in the order of the ports. */
  batch(frames: readonly Sent[]): Sent[] {
    this.#sent = [];
    this.forwarder.startBatch();
    frames.forEach(({ port, frame }, slot) => {
      this.#memory.u8.set(frame, this.#slots.offset(slot));
      this.forwarder.forward(port, this.#slots.offset(slot), frame.length);
    });
    this.forwarder.flush();
    return this.#sent.sort((a, b) => a.port - b.port);
  }

  pass(port: number, frame: Buffer): Sent[] {
    return this.batch([{ port, frame }]);
  }

  #link(): Link {
    let held: { port: number; offset: number; length: number }[] = [];
    return {
      fd: -1,
      take: () => 0,
      pass() {},
      send: (port, offset, length) => void held.push({ port, offset, length }),
      flush: () => {
        for (const { port, offset, length } of held) {
          this.#sent.push({ port, frame: Buffer.from(this.#memory.u8.subarray(offset, offset + length)) });
        }
        held = [];
      },
      remove() {},
    };
  }
}
