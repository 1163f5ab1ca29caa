import { describe, expect, it } from 'vitest';
import {
  decodeNotification,
  decodePart,
  decodeRequest,
  encodeFault,
  encodeNotification,
  encodePart,
  encodeRequest,
  MconsoleError,
  SERVER_HELP,
  splitText,
} from '../../../src/lib/mconsole/index.ts';
import { mulberry32 } from './random.ts';
import { recorded } from './recorded.ts';

describe('requests', () => {
  it('are the bytes that the C client sends', () => {
    expect(encodeRequest('version')).toEqual(recorded('version').sent[0]);
    expect(encodeRequest('remove ubdb')).toEqual(recorded('remove-ubdb-again').sent[0]);
    expect(encodeRequest(`log ${'x'.repeat(506)}`)).toEqual(recorded('log-long').sent[0]);
  });

  it('are read back, padded or not', () => {
    const datagram = encodeRequest('config ubdb=/a b');
    expect(decodeRequest(datagram)).toEqual({ command: 'config ubdb=/a b' });
    expect(decodeRequest(datagram.subarray(0, 12 + 16))).toEqual({ command: 'config ubdb=/a b' });
  });

  it('end at the first NUL, and an empty datagram is an empty command', () => {
    expect(decodeRequest(encodeRequest('go\0stop'))).toEqual({ command: 'go' });
    expect(decodeRequest(Buffer.alloc(0))).toEqual({ command: '' });
  });

  it('hold 511 bytes and refuse 512', () => {
    const longest = 'x'.repeat(511);
    expect(decodeRequest(encodeRequest(longest))).toEqual({ command: longest });
    expect(() => encodeRequest('ä'.repeat(256))).toThrow(expect.objectContaining({ code: 'TOO_LONG' }));
  });

  it('with faults are told apart in the order of the kernel', () => {
    const datagram = (magic: number, version: number, length: number, size = 524): Buffer => {
      const bytes = Buffer.alloc(size);
      bytes.writeUInt32LE(magic, 0);
      bytes.writeUInt32LE(version, 4);
      bytes.writeUInt32LE(length, 8);
      return bytes;
    };
    expect(decodeRequest(Buffer.from('version'))).toEqual({ fault: 'magic' });
    expect(decodeRequest(Buffer.from('ve'))).toEqual({ fault: 'magic' });
    expect(decodeRequest(datagram(0xbebafeca, 2, 7))).toEqual({ fault: 'magic' }); // big-endian
    expect(decodeRequest(datagram(0xcafebabe, 2, 512))).toEqual({ fault: 'too large' });
    expect(decodeRequest(datagram(0xcafebabe, 1, 5000))).toEqual({ fault: 'too large' });
    expect(decodeRequest(datagram(0xcafebabe, 2, 500, 616))).toEqual({ fault: 'too large' });
    expect(decodeRequest(datagram(0xcafebabe, 1, 7))).toEqual({ fault: 'version' });
    expect(decodeRequest(datagram(0xcafebabe, 2, 100, 50))).toEqual({ fault: 'incomplete' });
    expect(decodeRequest(datagram(0xcafebabe, 2, 0).subarray(0, 8))).toEqual({ fault: 'incomplete' });
  });

  it('with faults are answered as the kernel does, a client before version 2 without a header', () => {
    expect(encodeFault('magic').toString()).toBe('ERR Version 0 mconsole clients are not supported by this driver');
    expect(decodePart(encodeFault('version'))).toEqual({
      err: 1,
      more: false,
      data: Buffer.from('This driver only supports version 2 clients'),
    });
    expect(decodePart(encodeFault('too large')).data.toString()).toBe('Request too large');
  });
});

describe('replies', () => {
  it('are read from the bytes that the kernel sends', () => {
    const [part] = recorded('remove-ubdb-again').received;
    expect(decodePart(part!)).toEqual({ err: -19, more: false, data: Buffer.from("Device doesn't exist") });
    const help = recorded('help').received.map((bytes) => decodePart(bytes));
    expect(help.map(({ more }) => more)).toEqual([true, false]);
    expect(Buffer.concat(help.map(({ data }) => data)).toString()).toBe(SERVER_HELP);
  });

  it('are the bytes that the kernel sends', () => {
    const [part] = recorded('remove-ubdb-again').received;
    expect(encodePart({ err: -19, more: false, data: Buffer.from("Device doesn't exist") })).toEqual(part);
    const pieces = splitText(SERVER_HELP);
    const sent = pieces.map((data, i) => encodePart({ err: 0, more: i < pieces.length - 1, data }));
    expect(sent).toEqual(recorded('help').received);
  });

  it('of length 0 and of exactly full parts are split without an empty tail', () => {
    expect(splitText('').map((data) => data.length)).toEqual([0]);
    expect(splitText('x'.repeat(511)).map((data) => data.length)).toEqual([511]);
    expect(splitText('x'.repeat(1022)).map((data) => data.length)).toEqual([511, 511]);
    expect(splitText('x'.repeat(1023)).map((data) => data.length)).toEqual([511, 511, 1]);
    expect(() => encodePart({ err: 0, more: false, data: Buffer.alloc(512) })).toThrow(RangeError);
  });

  it('to a client before version 2 become a failure with their text', () => {
    expect(decodePart(encodeFault('magic'))).toEqual({
      err: 1,
      more: false,
      data: Buffer.from('Version 0 mconsole clients are not supported by this driver'),
    });
  });

  it('that lie about their length are refused', () => {
    const part = encodePart({ err: 0, more: false, data: Buffer.from('text') });
    part.writeUInt32LE(6, 8);
    expect(() => decodePart(part)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
    part.writeUInt32LE(0xffffffff, 8);
    expect(() => decodePart(part)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
    expect(() => decodePart(part.subarray(0, 11))).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });
});

describe('notifications', () => {
  const socket = { type: 'socket', path: '/srv/lab/run/home/.uml/debian/mconsole' } as const;
  const panic = { type: 'panic', message: 'VFS: Unable to mount root fs on unknown-block(98,0)' } as const;

  it('are read from, and written as, the bytes that the kernel sends', () => {
    const boot = recorded('boot-socket').received[0]!;
    expect(decodeNotification(boot)).toEqual(socket);
    expect(encodeNotification(socket)).toEqual(boot);
    const dying = recorded('panic-noroot').received[1]!;
    expect(decodeNotification(dying)).toEqual(panic);
    expect(encodeNotification(panic)).toEqual(dying);
    const user = recorded('user').received[0]!;
    expect(decodeNotification(user)).toEqual({ type: 'user', data: Buffer.from('here is a user notification\n') });
    expect(encodeNotification({ type: 'user', data: Buffer.from('here is a user notification\n') })).toEqual(user);
  });

  it('of a hang are read in both layouts', () => {
    expect(decodeNotification(recorded('hang-64').received[0]!)).toEqual({ type: 'hang' });
    expect(decodeNotification(encodeNotification({ type: 'hang' }))).toEqual({ type: 'hang' });
  });

  it('are cut to 512 bytes of data', () => {
    const cut = decodeNotification(encodeNotification({ type: 'user', data: Buffer.alloc(600, 'y') }));
    expect(cut).toEqual({ type: 'user', data: Buffer.alloc(512, 'y') });
  });

  it('of an unknown type, or shorter than they say, are refused', () => {
    const bytes = encodeNotification({ type: 'user', data: Buffer.from('text') });
    expect(() => decodeNotification(bytes.subarray(0, -1))).toThrow(MconsoleError);
    bytes.writeUInt32LE(4, 8);
    expect(() => decodeNotification(bytes)).toThrow(MconsoleError);
  });
});

describe('whatever bytes come', () => {
  const decoders = { decodeRequest, decodePart, decodeNotification };
  const seeds = [
    encodeRequest('config ubda=a,b'),
    encodePart({ err: -22, more: true, data: Buffer.from('text') }),
    encodeNotification({ type: 'panic', message: 'oh' }),
    recorded('hang-64').received[0]!,
  ];

  it.each(Object.entries(decoders))('%s gives a value or an MconsoleError, never more bytes than came', (_, decode) => {
    const next = mulberry32(20070815);
    for (let round = 0; round < 20_000; round++) {
      const seed = seeds[Math.floor(next() * seeds.length)]!;
      const bytes = Buffer.from(seed.subarray(0, Math.floor(next() * (seed.length + 1))));
      for (let flips = Math.floor(next() * 6); flips > 0 && bytes.length > 0; flips--) {
        bytes[Math.floor(next() * Math.min(bytes.length, 20))] = Math.floor(next() * 256);
      }
      try {
        const value = decode(bytes);
        if ('data' in value) expect(value.data.length).toBeLessThanOrEqual(Math.min(bytes.length, 512));
        if ('command' in value) expect(value.command.length).toBeLessThanOrEqual(511);
      } catch (error) {
        expect(error).toBeInstanceOf(MconsoleError);
      }
    }
  });
});
