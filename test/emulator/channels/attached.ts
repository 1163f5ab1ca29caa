/**
 * A process with a channel, for the tests: answers each piece of input in capitals. `Q` ends it in order, `X` with an
 * exception that nobody catches; a size is told as `<rows>x<columns>`; SIGUSR2 makes it say `alive` and end.
 */
import { openChannel, restoreTerminals } from '../../../src/emulator/channels/index.ts';

const channel = openChannel(process.argv[2] ?? 'fd:0,fd:1', { kind: 'console', unit: 0, raw: true });
if (!channel) throw new Error('none');
const open = channel;
const say = (text: string) => open.write(Buffer.from(text));
const finish = async () => {
  await open.flush();
  open.close();
  process.exit(0);
};

process.on('exit', restoreTerminals);
process.on('SIGTERM', () => process.exit(1));
process.on('SIGUSR2', () => {
  say('alive\n');
  void finish();
});
setInterval(() => {}, 60_000); // the machine of a real process

open.onResize = ({ rows, columns }) => say(`${rows}x${columns}\n`);
open.onData = (bytes) => {
  const text = Buffer.from(bytes).toString('latin1');
  say(text.toUpperCase());
  if (text.includes('X')) throw new Error('on purpose');
  if (text.includes('Q')) void finish();
};
const size = open.windowSize();
say(`ready ${open.opened}${size ? ` ${size.rows}x${size.columns}` : ''}\n`);
process.send?.('up');
