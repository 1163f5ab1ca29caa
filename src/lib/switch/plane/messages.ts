/** What the main thread and the thread that moves the frames say to each other. */
import type { CaptureSetup } from '../capture/observer.ts';
import type { LinkSpec } from '../links/index.ts';
import type { AddressFilter, PortKind, Setting } from '../ports.ts';

/** Handed to the thread at its start. */
export interface PlaneSetup {
  kind: 'switch' | 'hub';
  /** The data socket, blocking. */
  dataFd: number;
  /** One Int32: set to 1 when a command was posted. An empty datagram to the data socket wakes the thread. */
  bell: SharedArrayBuffer;
  /** What `Counters` is made of. */
  counters: SharedArrayBuffer;
}

/** What is asked of the address table; `forget` gives the addresses that it forgot. */
export interface Question {
  ask: 'addresses' | 'forget';
  filter: AddressFilter;
}

export type PlaneCommand =
  | { command: 'add'; port: number; link: LinkSpec }
  | { command: 'remove'; port: number }
  | { command: 'set'; setting: Setting }
  | { command: 'ask'; id: number; question: Question }
  /** Frames are captured from now on, or not any more. */
  | { command: 'capture'; setup: CaptureSetup | undefined }
  | { command: 'stop' };

export type PlaneReport =
  /** Frames of this port are forwarded from now on; the answer to `add`. */
  | { report: 'added'; port: number }
  /** The thread has no more to do with this port; the answer to `remove`. Its descriptor may be closed only then. */
  | { report: 'removed'; port: number }
  | { report: 'learned'; address: string; port: number; oldPort: number | undefined }
  | { report: 'unknown'; address: string; port: number }
  /** An address moves between ports all the time: it stays on `port`, what it sends to all from `other` is dropped. */
  | { report: 'flapping'; address: string; port: number; other: number }
  /** It does so no more. */
  | { report: 'settled'; address: string; port: number }
  /** Frames for all that came from `port` come back on `other`; they are dropped from now on. */
  | { report: 'loop'; port: number; other: number }
  | { report: 'loop-over' }
  /** Log lines that were left out because too many came in a second. */
  | { report: 'left-out'; lines: number }
  /** A frame came from a socket that is no port's. */
  | { report: 'stranger' }
  /** Frames could not be delivered: the first at once, the rest counted once a second. */
  | { report: 'lost'; port: number; link: PortKind; errno: number; frames: number }
  /** What is behind a port is gone, by itself, with an error, or with a length in its stream that no frame has; the port is removed. */
  | { report: 'ended'; port: number; errno: number | undefined; badLength: number | undefined }
  /** The answer to `capture`. */
  | { report: 'capturing' }
  /** The answer to `ask`: addresses as MacTable lists them. */
  | { report: 'answer'; id: number; addresses: Uint32Array };
