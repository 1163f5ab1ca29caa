import { closeSync, constants, openSync } from 'node:fs';
import { duplicateFd, errorText, openPty } from '../../lib/os/index.ts';
import { type Endpoint, openEndpoint, own } from './endpoint.ts';
import { ChannelError } from './error.ts';
import type { ChannelSpec } from './spec.ts';
import { holdRaw, isTerminal } from './terminal.ts';

/** One end of a channel, opened: an input, an output, or both of one device. */
export interface End {
  /** As mconsole shows it: the type, and the device where there is one (one_chan_config_string). */
  readonly opened: string;
  /** The pseudo-terminal that was made for it. */
  readonly slave: string | undefined;
  readonly input: Endpoint | undefined;
  readonly output: Endpoint | undefined;
  /** A descriptor of its terminal. */
  readonly terminal: number | undefined;
  /** Puts the terminal back and closes what belongs to the end itself; its endpoints are released by their users. */
  close(): void;
}

export interface Use {
  readonly input: boolean;
  readonly output: boolean;
  /** Whether a terminal is put into raw mode. */
  readonly raw: boolean;
}

/** @throws ChannelError `open` */
export function openEnd(spec: ChannelSpec, use: Use): End {
  switch (spec.type) {
    case 'null':
      return { opened: 'null', slave: undefined, input: undefined, output: undefined, terminal: undefined, close() {} };
    case 'fd':
      return openDescriptor(spec.fd, use);
    case 'tty':
      return openTty(spec.device, use);
    case 'pty':
    case 'pts':
      return openPseudoTerminal(spec.type, use);
  }
}

function openDescriptor(fd: number, use: Use): End {
  const input = use.input ? openEndpoint(fd, 'read') : undefined;
  const output = use.output ? openEndpoint(fd, 'write') : undefined;
  return {
    opened: `fd:${fd}`,
    slave: undefined,
    input,
    output,
    terminal: isTerminal(fd) ? fd : undefined,
    close: use.raw ? holdRaw(fd) : () => {},
  };
}

function openTty(device: string, use: Use): End {
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
  let fd: number;
  try {
    fd = openSync(device, O_RDWR | O_NOCTTY | O_NONBLOCK);
  } catch (error) {
    throw new ChannelError('open', `tty:${device} : ${errorText(error)}`);
  }
  if (!isTerminal(fd)) {
    closeSync(fd);
    throw new ChannelError('open', `tty:${device} : not a terminal`);
  }
  return ownTerminal(`tty:${device}`, undefined, fd, fd, use);
}

/**
 * The slave is kept open here: so the pseudo-terminal outlives the users who come and go on it, under the name that was
 * announced, and what the guest writes meanwhile waits for the next one.
 */
function openPseudoTerminal(type: string, use: Use): End {
  try {
    const { master, slave } = openPty();
    const held = openSync(slave, constants.O_RDWR | constants.O_NOCTTY);
    const end = ownTerminal(`${type}:${slave}`, slave, master, held, use);
    return {
      ...end,
      close() {
        end.close();
        closeSync(held);
      },
    };
  } catch (error) {
    throw new ChannelError('open', `open_pts : Failed to open pts : ${errorText(error)}`);
  }
}

/** @param fd the channel's own descriptor @param terminal a descriptor of the terminal that has the modes */
function ownTerminal(opened: string, slave: string | undefined, fd: number, terminal: number, use: Use): End {
  const restore = use.raw ? holdRaw(terminal) : () => {};
  return {
    opened,
    slave,
    input: use.input ? own(duplicateFd(fd)) : undefined,
    output: use.output ? own(duplicateFd(fd)) : undefined,
    terminal,
    close() {
      restore();
      closeSync(fd);
    },
  };
}
