/** What the main thread and the thread that moves the frames say to each other. */

/** Handed to the thread at its start. */
export interface PlaneSetup {
  kind: 'switch' | 'hub';
  /** The data socket, blocking. */
  dataFd: number;
  /** One Int32: set to 1 when a command was posted. An empty datagram to the data socket wakes the thread. */
  bell: SharedArrayBuffer;
}

export type PlaneCommand =
  | { command: 'add-client'; port: number; address: Uint8Array }
  | { command: 'add-tap'; port: number; fd: number }
  | { command: 'remove'; port: number }
  | { command: 'stop' };

export type PlaneReport =
  /** Frames of this port are forwarded from now on; the answer to both ways of adding. */
  | { report: 'added'; port: number }
  | { report: 'learned'; address: string; port: number; oldPort: number | undefined }
  | { report: 'unknown'; address: string; port: number }
  /** Log lines that were left out because too many came in a second. */
  | { report: 'left-out'; lines: number }
  /** A frame came from a socket that is no port's. */
  | { report: 'stranger' }
  /** Frames could not be delivered: the first at once, the rest counted once a second. */
  | { report: 'lost'; port: number; link: 'client' | 'tap'; errno: number; frames: number }
  /** A tap device is gone. */
  | { report: 'tap-failed'; port: number; errno: number };
