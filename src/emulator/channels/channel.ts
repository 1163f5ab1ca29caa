import type { WindowSize } from '../../lib/os/index.ts';
import { type End, openEnd } from './end.ts';
import { openInput } from './input.ts';
import { openOutput } from './output.ts';
import { type ChannelPair, parseChannelPair } from './spec.ts';
import { onWindowChange, terminalSize } from './terminal.ts';

/** A console or serial line's connection to the host. */
export interface Channel {
  /** As it was configured, e.g. `pts`. */
  readonly spec: string;
  /** As mconsole shows an open one, e.g. `pts:/dev/pts/3` or `fd:0,fd:1`. */
  readonly opened: string;
  /** The line for the guest's log, where a device was made for this channel. */
  readonly announcement: string | undefined;
  /** Input from the host. What arrives before it is set is lost: set it in the turn in which the channel is opened. */
  onData: ((bytes: Uint8Array) => void) | undefined;
  /** The terminal's size has changed. */
  onResize: ((size: WindowSize) => void) | undefined;
  /** After `write` said to stop: everything is written, go on. */
  onDrain: (() => void) | undefined;
  /** Queues output, never blocks. False: stop until `onDrain`, what goes much beyond is lost. The bytes are not copied. */
  write(bytes: Uint8Array): boolean;
  /** Resolves when all output is written, or lost because its file is gone. Give it a time limit: a terminal may be stopped. */
  flush(): Promise<void>;
  /** The size of the terminal, if it is one and has one. */
  windowSize(): WindowSize | undefined;
  /** Stops and restarts the input, for a guest that has no room; a piece that is already read may follow. */
  pause(): void;
  resume(): void;
  /** Closes the channel and puts its terminal back as it was. Output that isn't flushed is lost. */
  close(): void;
}

export interface ChannelContext {
  readonly kind: 'console' | 'serial';
  /** Number of the console or line. */
  readonly unit: number;
  /** Whether terminals go into raw mode: always, but for serial lines after `ssl-non-raw`. */
  readonly raw: boolean;
}

const LINE_NAMES = { console: 'Virtual console', serial: 'Serial line' } as const;

/**
 * Opens a channel. The end of its input, or an output that fails, leaves it open: the guest's line just falls silent.
 * @param spec a description, e.g. `fd:0,fd:1`
 * @returns undefined for `none`
 * @throws ChannelError
 */
export function openChannel(spec: string, context: ChannelContext): Channel | undefined {
  const pair = parseChannelPair(spec);
  return pair && connect(pair, context);
}

function connect(pair: ChannelPair, { kind, unit, raw }: ChannelContext): Channel {
  const [inEnd, outEnd] = openEnds(pair, raw);
  const ends = inEnd === outEnd ? [inEnd] : [inEnd, outEnd];
  const input = inEnd.input && openInput(inEnd.input, (bytes) => channel.onData?.(bytes));
  const output = outEnd.output && openOutput(outEnd.output, () => channel.onDrain?.());
  const terminal = inEnd.terminal ?? outEnd.terminal;
  const announcements = ends.flatMap(({ slave }) =>
    slave === undefined ? [] : [`${LINE_NAMES[kind]} ${unit} assigned device '${slave}'`],
  );
  let open = true;

  const windowSize = () => (terminal === undefined || !open ? undefined : terminalSize(terminal));
  const forgetWindow = watchWindow(windowSize, (size) => channel.onResize?.(size));
  const channel: Channel = {
    spec: pair.text,
    opened: ends.map((end) => end.opened).join(','),
    announcement: announcements.length > 0 ? announcements.join('\n') : undefined,
    onData: undefined,
    onResize: undefined,
    onDrain: undefined,
    write: (bytes) => output?.write(bytes) ?? true,
    flush: () => output?.flush() ?? Promise.resolve(),
    windowSize,
    pause: () => input?.pause(),
    resume: () => input?.resume(),
    close() {
      if (!open) return;
      open = false;
      forgetWindow();
      input?.close();
      output?.close();
      for (const end of ends) end.close();
    },
  };
  return channel;
}

/** Both ends; one and the same where one was described. If the second can't be opened the first is closed again. */
function openEnds(pair: ChannelPair, raw: boolean): [input: End, output: End] {
  if (pair.input === pair.output) {
    const both = openEnd(pair.input, { input: true, output: true, raw });
    return [both, both];
  }
  const input = openEnd(pair.input, { input: true, output: false, raw });
  try {
    return [input, openEnd(pair.output, { input: false, output: true, raw })];
  } catch (error) {
    input.input?.release();
    input.close();
    throw error;
  }
}

/** Tells of each real change of a terminal's size. */
function watchWindow(windowSize: () => WindowSize | undefined, changed: (size: WindowSize) => void): () => void {
  let last = windowSize();
  if (!last) return () => {};
  return onWindowChange(() => {
    const size = windowSize();
    if (!size || (size.rows === last?.rows && size.columns === last.columns)) return;
    last = size;
    changed(size);
  });
}
