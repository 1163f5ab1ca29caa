/**
 * A client that ends as it pleases the test: `rude-client.ts PATH frames` sends broadcasts as fast as it can, `request`
 * has sent half a request, `deaf` joined and never takes a frame.
 */
import { broadcast, Control, frame, Guest, mac, newAddress, requestV3 } from './wire.ts';

const [, , path = '', manner] = process.argv;
const own = mac(0x80 | (process.pid & 0x7f));
const say = () => process.stdout.write('ready\n');
if (manner === 'request') {
  new Control(path).send(requestV3(newAddress()).subarray(0, 60));
  say();
  setInterval(() => {}, 1000);
} else {
  const guest = await Guest.join(path);
  await guest.sendPatiently(frame(broadcast, own));
  say();
  while (manner === 'frames') await guest.sendPatiently(frame(broadcast, own, 1514));
  setInterval(() => {}, 1000);
}
