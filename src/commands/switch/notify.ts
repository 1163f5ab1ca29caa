import { closeFd, rawAddress, sendTo, unixSocket, withPathAddress } from '../../lib/os/index.ts';

/**
 * Tells a service manager about this process, as sd_notify(3) does: a datagram to the socket in $NOTIFY_SOCKET, a path or
 * behind `@` an abstract name. Nothing happens without one.
 * @param state lines such as `READY=1`
 * @throws OsError
 */
export function notifyManager(state: readonly string[]): void {
  const name = process.env.NOTIFY_SOCKET;
  if (!name) return;
  const fd = unixSocket('dgram');
  try {
    const text = Buffer.from(state.join('\n'));
    if (name.startsWith('@')) sendTo(fd, text, rawAddress(Buffer.from(`\0${name.slice(1)}`)));
    else withPathAddress(name, (address) => sendTo(fd, text, address));
  } finally {
    closeFd(fd);
  }
}
