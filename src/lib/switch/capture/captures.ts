import { closeFd, errorText, readFd, unixSocketPair, type Watcher, watch } from '../../os/index.ts';
import { MAX_PORTS } from '../plane/forwarder.ts';
import type { PortInfo } from '../ports.ts';
import { Capture } from './capture.ts';
import type { CaptureSetup } from './observer.ts';
import { DIRECTION, PACKET, packetDirection } from './pcapng.ts';
import { FrameRing } from './ring.ts';
import type { Sink } from './sink.ts';

/** Bytes of frames that are handed on before the main thread does something else. */
const DRAIN = 1024 * 1024;
/** Frames seldom come alone: more are looked for after so many ms, so that not each has to wake this thread. */
const LINGER_MS = 5;

export interface CaptureOptions {
  /** One port, in both directions; or all of them, each frame once, where it came in. */
  ports: 'all' | number;
  /** Where it goes, for people. */
  to: string;
  sink: Sink;
  /** It ended by itself: its port is gone, or the sink takes nothing more. */
  onEnd?: ((reason: string) => void) | undefined;
}

export interface CaptureInfo {
  to: string;
  ports: 'all' | number;
  /** Frames that were written. */
  frames: number;
  /** Frames that were lost, as the reader or this host was too slow. */
  dropped: number;
}

interface Running {
  capture: Capture;
  ports: 'all' | number;
  onEnd: CaptureOptions['onEnd'];
}

/** The ring, and the sockets by which the thread of the frames wakes us: ours and its own. */
interface Bells {
  ring: FrameRing;
  bells: [number, number];
  watcher: Watcher;
}

export interface CapturesOptions {
  /** The ports that there are. */
  ports: () => PortInfo[];
  /** Tells the thread of the frames to capture, or not to any more; resolves when it does. */
  observe: (setup: CaptureSetup | undefined) => Promise<void>;
}

/** All captures of a switch: takes the frames out of the ring and hands each to the captures that want it. */
export class Captures {
  readonly #options: CapturesOptions;
  readonly #running: Running[] = [];
  #ring: Bells | undefined;
  /** Resolves when the thread of the frames captures; undefined while it does not. */
  #observed: Promise<void> | undefined;
  #again: NodeJS.Timeout | undefined;

  constructor(options: CapturesOptions) {
    this.#options = options;
  }

  /** Begins a capture, and resolves when it has begun; the sink is its own from now on. @throws CaptureError WRITE */
  async start({ ports, to, sink, onEnd }: CaptureOptions): Promise<void> {
    await this.#observe();
    const { ring } = this.#open();
    const described = () => this.#options.ports().filter(({ number }) => ports === 'all' || ports === number);
    const running: Running = { capture: new Capture(to, sink, ring, described), ports, onEnd };
    sink.onFailure = (reason) => this.#end(running, reason);
    this.#running.push(running);
    this.#setWanted(ring); // before the reader sees that it has begun
    try {
      running.capture.flush();
    } catch (error) {
      this.#remove(running);
      void sink.end();
      throw error;
    }
  }

  /**
   * Ends the captures to this place, or all.
   * @returns what became of them, when everything is written
   */
  async stop(to?: string): Promise<CaptureInfo[]> {
    this.#drain(Number.POSITIVE_INFINITY);
    const ending = this.#running.filter(({ capture }) => to === undefined || capture.to === to);
    for (const running of ending) this.#remove(running);
    await Promise.all(ending.map(({ capture }) => capture.end()));
    return ending.map(infoOf);
  }

  list(): CaptureInfo[] {
    this.#drain(Number.POSITIVE_INFINITY);
    return this.#running.map(infoOf);
  }

  /** A port is gone. Its number may come back for another one. */
  forgetPort(port: number): void {
    if (this.#running.length === 0) return;
    this.#drain(Number.POSITIVE_INFINITY);
    for (const running of [...this.#running]) {
      if (running.ports === port) this.#end(running, `port ${port} is gone`);
      else this.#guard(running, () => running.capture.forgetPort(port));
    }
  }

  /** Closes the bells, when all captures have been stopped and the thread of the frames has ended. */
  close(): void {
    clearTimeout(this.#again);
    if (!this.#ring) return;
    const { watcher, bells } = this.#ring;
    this.#ring = undefined;
    watcher.close();
    for (const bell of bells) closeFd(bell);
  }

  #open(): Bells {
    if (this.#ring) return this.#ring;
    const bells = unixSocketPair('dgram');
    const watcher = watch(bells[0], { readable: () => this.#answerBell() });
    this.#ring = { ring: new FrameRing(), bells, watcher };
    return this.#ring;
  }

  /** Resolves when the thread of the frames looks at what the ring wants. */
  async #observe(): Promise<void> {
    const { ring, bells } = this.#open();
    for (;;) {
      this.#observed ??= this.#options.observe({ ring: ring.shared, bell: bells[1] });
      const observed = this.#observed;
      await observed;
      if (this.#observed === observed) break; // else the last capture has ended meanwhile
    }
    this.#drain(DRAIN); // puts this side to sleep
  }

  #observeNoMore(): void {
    if (this.#running.length > 0) return;
    this.#observed = undefined;
    void this.#options.observe(undefined);
  }

  #answerBell(): void {
    if (!this.#ring) return;
    const byte = Buffer.alloc(8);
    while (readFd(this.#ring.bells[0], byte) !== undefined);
    this.#drain(DRAIN);
  }

  #drain(most: number): void {
    if (!this.#ring) return;
    const { ring } = this.#ring;
    const failed = new Map<Running, unknown>();
    let taken = 0;
    const isEmpty = ring.take(most, (at, size) => {
      taken++;
      this.#handOut(ring, at, size, failed);
    });
    for (const [running, error] of failed) this.#end(running, errorText(error));
    for (const running of [...this.#running]) this.#guard(running, () => running.capture.flush());
    clearTimeout(this.#again);
    if (taken === 0 && ring.sleep()) return;
    this.#again = setTimeout(() => this.#drain(DRAIN), isEmpty ? LINGER_MS : 0);
  }

  #handOut(ring: FrameRing, at: number, size: number, failed: Map<Running, unknown>): void {
    const port = ring.words[at + PACKET.interface]!;
    const comesIn = packetDirection(ring.words, at, size) === DIRECTION.in;
    for (const running of this.#running) {
      const { capture, ports } = running;
      if (failed.has(running) || (ports === 'all' ? !comesIn : ports !== port)) continue;
      try {
        capture.add(port, at, size);
      } catch (error) {
        failed.set(running, error);
      }
    }
  }

  /** A capture that can't be written is ended, and nobody else. */
  #guard(running: Running, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#end(running, errorText(error));
    }
  }

  #end(running: Running, reason: string): void {
    if (!this.#running.includes(running)) return;
    this.#remove(running);
    void running.capture.end();
    running.onEnd?.(reason);
  }

  #remove(running: Running): void {
    const at = this.#running.indexOf(running);
    if (at >= 0) this.#running.splice(at, 1);
    if (this.#ring) this.#setWanted(this.#ring.ring);
    this.#observeNoMore();
  }

  #setWanted(ring: FrameRing): void {
    const all = this.#running.some(({ ports }) => ports === 'all') ? DIRECTION.in : 0;
    for (let port = 0; port < MAX_PORTS; port++) {
      const whole = this.#running.some(({ ports }) => ports === port) ? DIRECTION.in | DIRECTION.out : 0;
      ring.want(port, all | whole);
    }
  }
}

function infoOf({ capture, ports }: Running): CaptureInfo {
  return { to: capture.to, ports, frames: capture.frames, dropped: capture.dropped };
}
