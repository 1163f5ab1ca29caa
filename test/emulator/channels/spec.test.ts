import { describe, expect, it } from 'vitest';
import { ChannelError, parseChannelPair, setupProblems } from '../../../src/emulator/channels/index.ts';

function refusal(text: string): { message: string; log: string | undefined } {
  try {
    parseChannelPair(text);
  } catch (error) {
    if (error instanceof ChannelError && error.code === 'syntax') return { message: error.message, log: error.log };
    throw error;
  }
  throw new Error(`${text} was accepted`);
}

describe('channel descriptions', () => {
  it('reads each type', () => {
    expect(parseChannelPair('fd:3')).toMatchObject({ text: 'fd:3', input: { type: 'fd', fd: 3 } });
    expect(parseChannelPair('fd:0x10')?.input).toEqual({ type: 'fd', fd: 16 });
    expect(parseChannelPair('null')?.input).toEqual({ type: 'null' });
    expect(parseChannelPair('tty:/dev/tty6')?.input).toEqual({ type: 'tty', device: '/dev/tty6' });
    expect(parseChannelPair('none')).toBeUndefined();
  });

  it('takes one description for both directions, two for input and output', () => {
    const one = parseChannelPair('pts');
    expect(one?.input).toBe(one?.output);
    expect(parseChannelPair('null,fd:1')).toEqual({
      text: 'null,fd:1',
      input: { type: 'null' },
      output: { type: 'fd', fd: 1 },
    });
  });

  it('finds types by their beginning, as UML does', () => {
    expect(parseChannelPair('pts:foo')).toMatchObject({ text: 'pts:foo', input: { type: 'pts' } });
    expect(parseChannelPair('nullify')?.input).toEqual({ type: 'null' });
  });

  it.each([
    ['fd', "fd_init : channel type 'fd' must specify a file descriptor"],
    ['fd:x', "fd_init : couldn't parse file descriptor 'x'"],
    ['fd:', "fd_init : couldn't parse file descriptor ''"],
    ['fd:1x', "fd_init : couldn't parse file descriptor '1x'"],
    ['port', "port_init : channel type 'port' must specify a port number"],
    ['port:x', "port_init : couldn't parse port 'x'"],
    ['tty', "tty_init : channel type 'tty' must specify a device"],
    ['bogus', undefined],
    ['', undefined],
    ['none,fd:1', undefined],
    ['fd:0,', undefined],
    ['fd:0,fd:1,fd:2', "fd_init : couldn't parse file descriptor '1,fd:2'"],
    ['xterm', 'Using a channel type which is configured out of UML'],
    ['port:9000', 'Using a channel type which is configured out of UML'],
  ])("refuses '%s' with UML's words", (text, log) => {
    expect(refusal(text)).toEqual({ message: 'failed to parse channel pair', log });
  });

  it('are told at the boot as UML tells them', () => {
    expect(setupProblems('fd:x', 1)).toEqual([
      "fd_init : couldn't parse file descriptor 'x'",
      'setup_one_line failed for device 1 : failed to parse channel pair',
    ]);
    expect(setupProblems('bogus', 15)).toEqual(['setup_one_line failed for device 15 : failed to parse channel pair']);
    expect(setupProblems('none', 1)).toEqual([]);
    expect(setupProblems('fd:0,fd:1', 0)).toEqual([]);
  });
});
