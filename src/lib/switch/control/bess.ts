import { closeFd, peerAddress, peerProcess } from '../../os/index.ts';
import type { SwitchEvent } from '../events.ts';
import { acceptConnections } from './acceptor.ts';
import type { Ports } from './ports.ts';

/** Serves a listening SEQPACKET socket: each connection is a port until it ends, and has nothing to ask for first. */
export function serveBess(fd: number, ports: Ports, onEvent: (event: SwitchEvent) => void): () => void {
  return acceptConnections(fd, ports, onEvent, (client, port) => {
    const link = { kind: 'packet', port: 'bess', fd: client, type: 'seqpacket' } as const;
    void ports.add(port, 'bess', nameOf(client), link, () => closeFd(client));
    onEvent({ event: 'connected', port });
  });
}

/** Clients may bind their sockets (`src=` of UML); most do not. */
function nameOf(client: number): string {
  const path = Buffer.from(peerAddress(client).subarray(2)).toString();
  const name = path.startsWith('\0') ? path.replace(/\0+$/, '').replaceAll('\0', '@') : path.replace(/\0.*$/s, '');
  return name === '' ? `pid ${peerProcess(client)}` : name;
}
