import { unlinkSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { decodeRequest, encodePart, request } from '../../../src/lib/mconsole/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { bareSocket } from './datagrams.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = `${directory}/mconsole`;
});

function part(text: string, more: 'more' | 'last', err = 0): Buffer {
  return encodePart({ err, more: more === 'more', data: Buffer.from(text) });
}

describe('a request', () => {
  it('comes from an abstract address of 110 bytes that begins with the pid', async () => {
    using server = bareSocket(path);
    const reply = request(path, 'version');
    const { data, from } = await server.next();
    expect(decodeRequest(data)).toEqual({ command: 'version' });
    expect(data).toHaveLength(524);
    expect(from).toHaveLength(110);
    expect(from[2]).toBe(0);
    expect(Buffer.from(from.subarray(3)).toString()).toMatch(new RegExp(`^${String(process.pid).padStart(5)}[.\\0]`));
    server.send(part('ok', 'last'), from);
    expect(await reply).toMatchObject({ err: 0, text: 'ok' });
  });

  it('gathers the parts, whenever they come; err is that of the first', async () => {
    using server = bareSocket(path);
    const reply = request(path, 'sysrq m');
    const { from } = await server.next();
    server.send(part('a\n', 'more', -5), from);
    await new Promise(setImmediate);
    server.send(part('b\n', 'more'), from);
    await new Promise(setImmediate);
    server.send(part('', 'last'), from);
    expect(await reply).toMatchObject({ err: -5, text: 'a\nb\n', parts: 3, truncated: false });
  });

  it('that nobody takes says so in the words of the C client', async () => {
    await expect(request(path, 'version')).rejects.toMatchObject({
      code: 'SEND',
      message: `Sending command to '${path}' : No such file or directory`,
    });
    bareSocket(path)[Symbol.dispose]();
    await expect(request(path, 'version')).rejects.toMatchObject({
      code: 'SEND',
      message: `Sending command to '${path}' : Connection refused`,
    });
  });

  it('that is too long is not sent', async () => {
    using server = bareSocket(path);
    await expect(request(path, 'x'.repeat(512))).rejects.toMatchObject({ code: 'TOO_LONG' });
    const reply = request(path, 'y');
    const { data, from } = await server.next();
    expect(decodeRequest(data)).toEqual({ command: 'y' });
    server.send(part('', 'last'), from);
    await reply;
  });

  it('without an answer ends after its time-out', async () => {
    using _silent = bareSocket(path);
    await expect(request(path, 'version', { timeout: 100 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: `'${path}' did not answer within 0.1 seconds`,
    });
  });

  it('can be given up', async () => {
    using _silent = bareSocket(path);
    const given = new AbortController();
    const reply = request(path, 'version', { signal: given.signal });
    given.abort();
    await expect(reply).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(request(path, 'version', { signal: given.signal })).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('is not answered by a late reply to the one before', async () => {
    using server = bareSocket(path);
    await expect(request(path, 'first', { timeout: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    const first = await server.next();
    const reply = request(path, 'second');
    const second = await server.next();
    expect(() => server.send(part('late', 'last'), first.from)).toThrow(
      expect.objectContaining({ code: 'ECONNREFUSED' }),
    );
    server.send(part('right', 'last'), second.from);
    expect((await reply).text).toBe('right');
  });

  it('can’t be answered by a stranger', async () => {
    using server = bareSocket(path);
    using stranger = bareSocket(`${directory}/stranger`);
    const reply = request(path, 'version');
    const { from } = await server.next();
    expect(() => stranger.send(part('forged', 'last'), from)).toThrow(expect.objectContaining({ code: 'EPERM' }));
    server.send(part('real', 'last'), from);
    expect((await reply).text).toBe('real');
  });

  it('notices that the instance ended before it answered', async () => {
    const server = bareSocket(path);
    const reply = request(path, 'sysrq c');
    const refusal = expect(reply).rejects.toMatchObject({ code: 'GONE' });
    await server.next();
    server[Symbol.dispose]();
    await refusal;
  });

  it('keeps what came of a reply whose end is lost', async () => {
    const server = bareSocket(path);
    const reply = request(path, 'stack 1');
    const { from } = await server.next();
    server.send(part('some text\n', 'more'), from);
    server[Symbol.dispose]();
    unlinkSync(path);
    expect(await reply).toMatchObject({ err: 0, text: 'some text\n', truncated: true });
  });

  it('gives up a reply whose end does not come, well before the time-out for an answer', async () => {
    using server = bareSocket(path);
    const reply = request(path, 'stack 1', { timeout: 1000 });
    const { from } = await server.next();
    server.send(part('some text\n', 'more'), from);
    expect(await reply).toMatchObject({ text: 'some text\n', truncated: true });
  });

  it('refuses an answer that is none', async () => {
    using server = bareSocket(path);
    const reply = request(path, 'version');
    const refusal = expect(reply).rejects.toMatchObject({ code: 'MALFORMED' });
    const { from } = await server.next();
    server.send(Buffer.from('garbage'), from);
    await refusal;
  });

  it('understands an instance that knows no version 2', async () => {
    using server = bareSocket(path);
    const reply = request(path, 'version');
    const { from } = await server.next();
    server.send(Buffer.from('ERR Version 0 mconsole clients are not supported by this driver'), from);
    expect(await reply).toMatchObject({
      err: 1,
      text: 'Version 0 mconsole clients are not supported by this driver',
      truncated: false,
    });
  });
});
