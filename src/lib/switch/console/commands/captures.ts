import type { CaptureInfo } from '../../capture/captures.ts';
import { openSink, StreamSink } from '../../capture/sink.ts';
import { type Command, command, done, type Result } from '../command.ts';
import { ConsoleError } from '../error.ts';
import { portsText, table } from '../text.ts';
import { shown } from '../words.ts';

/** Capture: to files, and over the connection itself. */
export const CAPTURE_COMMANDS: readonly Command[] = [
  command(
    'capture [port PORT]',
    'the frames of the switch, or of one port, as pcapng over this connection until it is closed',
    ({ network }, { PORT }) => ({
      async stream(connection) {
        const onEnd = (): void => void connection.destroy();
        await network.capture({ ports: PORT ?? 'all', to: 'a console', sink: new StreamSink(connection), onEnd });
      },
    }),
  ),
  command(
    'capture start FILE [port PORT]',
    'write the frames to a file, as pcapng',
    async ({ network }, { FILE, PORT }) => {
      if (network.captures().some(({ to }) => to === FILE)) {
        throw new ConsoleError('CAPTURE', `a capture to ${shown(FILE)} runs already`);
      }
      const sink = await openSink(FILE);
      await network.capture({ ports: PORT ?? 'all', to: FILE, sink });
      return done;
    },
  ),
  command('capture stop [FILE]', 'end the capture to a file, or all of them', async ({ network }, { FILE }) => {
    const stopped = await network.stopCaptures(FILE);
    if (FILE !== undefined && stopped.length === 0) {
      throw new ConsoleError('CAPTURE', `no capture to ${shown(FILE)} runs`);
    }
    return captured(stopped);
  }),
  command('capture list', 'the captures that run', ({ network }) => captured(network.captures())),
];

function captured(captures: readonly CaptureInfo[]): Result {
  const rows = captures.map(({ to, ports, frames, dropped }) => [frames, dropped, portsText(ports), to]);
  return { json: captures, lines: table(['FRAMES', 'DROPPED', 'OF', 'TO'], rows) };
}
