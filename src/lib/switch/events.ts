import type { FrameReport } from './plane/thread.ts';

/** What a switch tells of itself while it runs. Ports have the numbers that the C switch would have given them. */
export type SwitchEvent =
  | { event: 'connected'; port: number }
  | { event: 'disconnected'; port: number }
  /** A client said something after its request. It loses its port. */
  | { event: 'bad-request'; port: number }
  /** The connection was closed, as it asked for something else than a port of a version that is spoken here. */
  | { event: 'bad-type'; port: number; type: number }
  | { event: 'bad-version'; port: number; version: number }
  /** The connection ended before it had asked for a port. */
  | { event: 'gave-up'; port: number }
  /** A system call on the connection failed; it is closed. */
  | { event: 'connection-failed'; port: number; step: 'read' | 'connect' | 'reply'; errno: number; registered: boolean }
  | { event: 'accept-failed'; errno: number }
  /** A capture ended by itself. */
  | { event: 'capture-ended'; to: string; reason: string }
  | { event: 'frames'; report: FrameReport };
