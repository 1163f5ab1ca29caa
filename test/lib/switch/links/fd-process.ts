/**
 * Opens a tap device and a pair of sockets, and starts a program with them as descriptors 3 and 4. Lines of hexadecimal
 * digits are frames to its other end of the pair, and from there; it ends with its input. Words: the device, and the program's words.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { closeFd, receive, send, unixSocketPair, watch } from '../../../../src/lib/os/index.ts';
import { attachTap } from '../../../../src/lib/tuntap/index.ts';

const [device, file, ...words] = process.argv.slice(2) as [string, string, ...string[]];
const tap = attachTap(device);
const [mine, theirs] = unixSocketPair('seqpacket');
spawn(file, words, { stdio: ['ignore', 'inherit', 'inherit', tap, theirs] });
closeFd(tap);
closeFd(theirs);

createInterface(process.stdin)
  .on('line', (line) => send(mine, Buffer.from(line, 'hex')))
  .on('close', () => process.exit());
const room = Buffer.alloc(65_536);
watch(mine, {
  readable() {
    for (let came = receive(mine, room); came && came.length > 0; came = receive(mine, room)) {
      process.stdout.write(`${room.subarray(0, came.length).toString('hex')}\n`);
    }
  },
});
