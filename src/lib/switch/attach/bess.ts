import { connect, unixSocket, withPathAddress } from '../../os/index.ts';
import type { OwnLinkSpec } from '../links/index.ts';

/** Connects to a SEQPACKET socket on which another program takes frames (slirp4netns --target-type=bess). */
export function connectBess({ path }: { path: string }, fds: number[]): OwnLinkSpec {
  const fd = unixSocket('seqpacket');
  fds.push(fd);
  withPathAddress(path, (address) => connect(fd, address));
  return { kind: 'packet', port: 'bess', fd, type: 'seqpacket' };
}
