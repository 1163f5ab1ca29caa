import { connectDaemon } from '../../lib/switch/index.ts';
import type { NicConfig } from '../cmdline/index.ts';

/** One end of a network that an interface is attached to. */
export interface Link {
  /** Sends a frame. False: it was dropped. */
  send(frame: Uint8Array): boolean;
  close(): void;
}

export interface LinkHandlers {
  /** A frame came; its bytes are only valid during the call. */
  onFrame(frame: Uint8Array): void;
  /** The other end went away. */
  onClose(): void;
}

/** Attaches an interface to its network. @throws DaemonError */
export function openLink(nic: NicConfig, handlers: LinkHandlers): Promise<Link> {
  return connectDaemon({
    path: nic.controlSocket,
    onFrame: (frame) => handlers.onFrame(frame),
    onClose: () => handlers.onClose(),
  });
}
