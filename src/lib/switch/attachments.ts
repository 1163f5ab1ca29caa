/** Opens what the switch itself attaches as a port. In the main thread: descriptors come from here, frames do not. */
import { closeFd, OsError } from '../os/index.ts';
import { openDescriptor } from './attach/descriptor.ts';
import { openTap } from './attach/tap.ts';
import { openMulticast, openUdp, openVxlan } from './attach/trunks.ts';
import { connectBess, connectStream } from './attach/unix.ts';
import { attachmentName } from './endpoint.ts';
import { SwitchError } from './error.ts';
import type { OwnLinkSpec } from './links/index.ts';
import type { Attachment, PortKind } from './ports.ts';

/** A port to be. */
export interface OpenAttachment {
  kind: PortKind;
  /** What is behind it, for people. */
  name: string;
  link: OwnLinkSpec;
  /** Closes its descriptors. */
  close(): void;
}

/**
 * @throws SwitchError TAP for a tap device, DESCRIPTOR for an inherited descriptor, ATTACH for all else; nothing stays
 * open then
 */
export function openAttachment(spec: Attachment): OpenAttachment {
  const { link, fds } = open(spec);
  return {
    kind: spec.kind,
    name: attachmentName(spec),
    link,
    close() {
      for (const fd of fds) closeFd(fd);
    },
  };
}

function open(spec: Attachment): { link: OwnLinkSpec; fds: number[] } {
  if (spec.kind === 'tap') {
    const fd = openTap(spec.device);
    return { link: { kind: 'tap', fd }, fds: [fd] };
  }
  if (spec.kind === 'fd') return { link: openDescriptor(spec.fd), fds: [spec.fd] };
  const fds: number[] = [];
  try {
    return { link: openSockets(spec, fds), fds };
  } catch (error) {
    for (const fd of fds) closeFd(fd);
    if (!(error instanceof OsError)) throw error;
    throw new SwitchError({ code: 'ATTACH', attachment: spec, call: error.syscall, errno: error.errno });
  }
}

/** Adds the descriptors that it opens to `fds` as soon as it has them. */
function openSockets(spec: Exclude<Attachment, { kind: 'tap' | 'fd' }>, fds: number[]): OwnLinkSpec {
  switch (spec.kind) {
    case 'bess':
      return connectBess(spec, fds);
    case 'stream':
      return connectStream(spec, fds);
    case 'udp':
      return openUdp(spec, fds);
    case 'mcast':
      return openMulticast(spec, fds);
    case 'vxlan':
      return openVxlan(spec, fds);
  }
}
