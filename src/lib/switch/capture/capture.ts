import type { PortInfo } from '../ports.ts';
import { interfaceDescription, interfaceStatistics, PACKET, sectionHeader } from './pcapng.ts';
import { RealTime } from './real-time.ts';
import type { FrameRing } from './ring.ts';
import type { Sink } from './sink.ts';

/** Blocks are gathered into pieces of this size, in bytes. */
const PIECE = 256 * 1024;
/** Bytes that may wait for a slow reader; then frames are dropped. */
const MOST_WAITING = 4 * 1024 * 1024;
const APPLICATION = 'uml_switch (uml-utilities)';

/** A port as an interface of the capture. */
interface Interface {
  id: number;
  received: number;
  dropped: number;
  /** Those that the ring had dropped before. */
  ringDropped: number;
}

/** One pcapng stream: describes each port before its first frame, and says at the end what was lost. */
export class Capture {
  readonly to: string;
  readonly #sink: Sink;
  readonly #ring: FrameRing;
  readonly #ports: () => PortInfo[];
  readonly #interfaces = new Map<number, Interface>();
  readonly #time = new RealTime();
  #count = 0;
  #piece: Buffer = Buffer.allocUnsafeSlow(PIECE);
  #used = 0;
  frames = 0;
  /** Of ports that are gone, and by the sink. */
  #dropped = 0;

  constructor(to: string, sink: Sink, ring: FrameRing, ports: () => PortInfo[]) {
    this.to = to;
    this.#sink = sink;
    this.#ring = ring;
    this.#ports = ports;
    this.#append(sectionHeader(APPLICATION));
    for (const { number } of ports()) this.#interfaceOf(number);
  }

  /** Takes a frame's block from the ring: `size` bytes from word `at` on. */
  add(port: number, at: number, size: number): void {
    const known = this.#interfaceOf(port);
    if (this.#sink.waiting > MOST_WAITING) {
      known.dropped++;
      this.#dropped++;
      return;
    }
    const { words } = this.#ring;
    this.#append(new Uint8Array(words.buffer, words.byteOffset + 4 * at, size), known.id);
    known.received++;
    this.frames++;
  }

  /** Frames that were lost: in the ring, and to a slow reader. */
  get dropped(): number {
    const inRing = [...this.#interfaces].map(([port, known]) => this.#lostInRing(port, known));
    return inRing.reduce((sum, each) => sum + each, this.#dropped);
  }

  #lostInRing(port: number, { ringDropped }: Interface): number {
    return (this.#ring.dropped(port) - ringDropped) >>> 0;
  }

  /** Writes what was gathered. @throws CaptureError */
  flush(): void {
    if (this.#used === 0) return;
    const piece = this.#piece.subarray(0, this.#used);
    this.#piece = this.#piece.subarray(this.#used);
    this.#used = 0;
    this.#sink.write(piece);
  }

  /** The port is gone; another one of its number is another interface. @throws CaptureError */
  forgetPort(port: number): void {
    const known = this.#interfaces.get(port);
    if (!known) return;
    this.#interfaces.delete(port);
    this.#append(this.#statistics(port, known));
    this.flush();
  }

  /** Writes the statistics and closes. A sink that takes nothing more is no reason to fail. */
  async end(): Promise<void> {
    try {
      for (const [port, known] of this.#interfaces) this.#append(this.#statistics(port, known));
      this.flush();
    } catch {
      // who ended the capture has been told, or knows
    }
    await this.#sink.end();
  }

  #interfaceOf(port: number): Interface {
    const known = this.#interfaces.get(port);
    if (known) return known;
    const { kind, name } = this.#ports().find(({ number }) => number === port) ?? { kind: '', name: '' };
    const description = name.startsWith(kind) ? name : `${kind} ${name}`.trimEnd();
    this.#append(interfaceDescription({ name: `port ${port}`, description }));
    const made = { id: this.#count++, received: 0, dropped: 0, ringDropped: this.#ring.dropped(port) };
    this.#interfaces.set(port, made);
    return made;
  }

  #statistics(port: number, known: Interface): Uint8Array {
    const lost = this.#lostInRing(port, known);
    this.#dropped += lost;
    known.ringDropped += lost;
    this.#time.read();
    return interfaceStatistics(known.id, this.#time, { received: known.received, dropped: known.dropped + lost });
  }

  /** `id` takes the place of the port's number in a frame's block. */
  #append(block: Uint8Array, id?: number): void {
    if (block.length > this.#piece.length - this.#used) {
      this.flush();
      this.#piece = Buffer.allocUnsafeSlow(Math.max(PIECE, block.length));
    }
    this.#piece.set(block, this.#used);
    if (id !== undefined)
      new Uint32Array(this.#piece.buffer, this.#piece.byteOffset + this.#used, PACKET.frame)[PACKET.interface] = id;
    this.#used += block.length;
  }
}
