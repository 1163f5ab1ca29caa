import { closeFd, connect, type UnixAddress, unixSocket } from '../../os/index.ts';
import type { LinkSpec } from '../links/index.ts';
import { bindAbstract, wholeAddress } from './open-sockets.ts';

/** Where the frames of a client go in and out. */
export interface Door {
  kind: 'client' | 'vde';
  link: LinkSpec;
  /** What the client is told: 110 bytes. */
  address: UnixAddress;
  close: () => void;
}

/**
 * A data socket for one client of vde_switch. Such a client removes the name of its own socket as soon as it has an
 * answer, so that only a socket that is connected to it by then reaches it; and it connects its own, whose queue the
 * kernel then does not limit: on a socket for all, one that stands still would take up the send buffer of everybody.
 * @throws OsError if the client's socket is not there
 */
export function openVdeDoor(client: UnixAddress): Door {
  const fd = unixSocket('dgram');
  try {
    bindAbstract(fd);
    connect(fd, client);
    return {
      kind: 'vde',
      link: { kind: 'packet', port: 'vde', fd, type: 'dgram' },
      address: wholeAddress(fd),
      close: () => closeFd(fd),
    };
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}
