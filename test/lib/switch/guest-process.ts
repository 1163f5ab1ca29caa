/** A guest in a process of its own: `guest-process.ts PATH`. Frames are lines of hexadecimal on stdin and stdout. */
import { createInterface } from 'node:readline';
import { connectDaemon } from '../../../src/lib/switch/index.ts';

const [, , path = ''] = process.argv;
const port = await connectDaemon({
  path,
  onFrame: (frame) => void process.stdout.write(`${Buffer.from(frame).toString('hex')}\n`),
  onClose: () => process.exit(),
});
process.stdout.write('joined\n');
for await (const line of createInterface({ input: process.stdin })) port.send(Buffer.from(line, 'hex'));
port.close();
