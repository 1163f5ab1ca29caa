import { connect, type UnixSocketType, unixSocket, withPathAddress } from '../../os/index.ts';
import type { OwnLinkSpec } from '../links/index.ts';

/** Connects to a SEQPACKET socket on which another program takes frames (slirp4netns --target-type=bess). */
export function connectBess({ path }: { path: string }, fds: number[]): OwnLinkSpec {
  return { kind: 'packet', port: 'bess', fd: connected('seqpacket', path, fds), type: 'seqpacket' };
}

/** Connects to a stream socket on which another program takes frames, each behind its length (passt, QEMU). */
export function connectStream({ path }: { path: string }, fds: number[]): OwnLinkSpec {
  return { kind: 'stream', port: 'stream', fd: connected('stream', path, fds) };
}

function connected(type: UnixSocketType, path: string, fds: number[]): number {
  const fd = unixSocket(type);
  fds.push(fd);
  withPathAddress(path, (address) => connect(fd, address));
  return fd;
}
