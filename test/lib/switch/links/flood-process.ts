/** A BESS client that sends full-size frames for 02:00:00:00:00:0a as fast as the switch takes them, until it is killed. */
import { connect, pathAddress, send, unixSocket } from '../../../../src/lib/os/index.ts';
import { frame, mac } from '../wire.ts';

const fd = unixSocket('seqpacket');
connect(fd, pathAddress(process.argv[2]!));
process.stdout.write('sending\n', () => {
  for (;;) send(fd, frame(mac(10), mac(9), 1514));
});
