/** The ways on which frames reach ports and come from them; one small implementation of `Link` for each. */
import type { Arena } from '../../os/index.ts';
import type { Forwarder, Link } from '../plane/forwarder.ts';
import type { FrameSlots } from '../plane/frame-slots.ts';
import type { Reporter } from '../plane/reporter.ts';
import { TapLink } from './tap-link.ts';

/** What a link is made from, in the thread of the frames. Descriptors stay the main thread's. */
export type LinkSpec =
  /** One of the clients behind the data socket, by its address of 110 bytes. */
  | { kind: 'client'; address: Uint8Array }
  /** A tap's descriptor, non-blocking. */
  | { kind: 'tap'; fd: number };

/** What all links share. */
export interface LinkContext {
  readonly memory: Arena;
  readonly slots: FrameSlots;
  readonly forwarder: Forwarder;
  readonly reporter: Reporter;
}

/** A link with a descriptor of its own, which is one port. */
export interface OwnLink extends Link {
  /** Once it ended: the errno that ended it, or 'closed' when the other side left. */
  readonly ended: number | 'closed' | undefined;
}

/** The link of a port that has a descriptor of its own. */
export function openLink(port: number, spec: Exclude<LinkSpec, { kind: 'client' }>, context: LinkContext): OwnLink {
  switch (spec.kind) {
    case 'tap':
      return new TapLink(port, spec.fd, context);
  }
}
