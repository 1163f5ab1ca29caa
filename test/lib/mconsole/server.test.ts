import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Command,
  encodeRequest,
  type MconsoleServer,
  request,
  SERVER_HELP,
  serveMconsole,
} from '../../../src/lib/mconsole/index.ts';
import { ownerOf } from '../../../src/lib/umid/index.ts';
import { runProgram, temporaryDirectory } from '../../support/run.ts';
import { bareSocket } from './datagrams.ts';
import { mulberry32 } from './random.ts';
import { recorded } from './recorded.ts';

const VERSION = 'Linux usermode 6.1.176 #1 Sat Jul  4 15:38:16 UTC 2026 x86_64';
const LONG = Array.from({ length: 3000 }, (_, line) => `line ${line} of a long reply\n`).join('');

const commands: Record<string, Command> = {
  version: (_, reply) => reply.ok(VERSION),
  help: (_, reply) => reply.ok(SERVER_HELP),
  config: (argument, reply) => reply.ok(`[${argument}]`),
  remove: (_, reply) => reply.error("Device doesn't exist", -19),
  long: (_, reply) => reply.ok(LONG),
  console: async (_, reply) => {
    for (const line of LONG.split(/(?<=\n)/)) void reply.write(line);
    await reply.ok();
  },
  halt: () => {},
  twice: async (_, reply) => {
    await reply.ok('first');
    await reply.ok('second');
  },
  broken: () => {
    throw new Error('no such thing');
  },
  rejecting: () => Promise.reject(new Error('no such thing, later')),
};

let directory: string;
let server: MconsoleServer;
let path: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = `${directory}/mconsole`;
  server = serveMconsole({ path, commands });
});

afterEach(() => server.close());

describe('a served console', () => {
  it('answers our client', async () => {
    expect(await request(path, 'version')).toMatchObject({ err: 0, text: VERSION, parts: 1, truncated: false });
    expect(await request(path, 'help')).toMatchObject({ err: 0, text: SERVER_HELP, parts: 2, truncated: false });
    expect(await request(path, 'remove ubdb')).toMatchObject({ err: -19, text: "Device doesn't exist" });
    expect(await request(path, 'halt')).toMatchObject({ err: 0, text: '', parts: 1 });
  });

  it('hands over what follows the word and one blank', async () => {
    expect((await request(path, 'config ubdb=/a b')).text).toBe('[ubdb=/a b]');
    expect((await request(path, 'config  two')).text).toBe('[ two]');
    expect((await request(path, 'config\nline\n')).text).toBe('[line\n]');
    expect((await request(path, 'config')).text).toBe('[]');
  });

  it.each(['', ' version', 'versio', 'versions', 'VERSION', 'constructor'])(
    'knows no command "%s"',
    async (command) => {
      expect(await request(path, command)).toMatchObject({ err: 1, text: 'Unknown command' });
    },
  );

  it('makes a failing command a refusal', async () => {
    expect(await request(path, 'broken')).toMatchObject({ err: 1, text: 'no such thing' });
    expect(await request(path, 'rejecting')).toMatchObject({ err: 1, text: 'no such thing, later' });
  });

  it('ends a reply once', async () => {
    expect(await request(path, 'twice')).toMatchObject({ text: 'first', parts: 1 });
    expect(await request(path, 'version')).toMatchObject({ text: VERSION });
  });

  it('loses nothing of a reply that is longer than a socket’s queue', async () => {
    expect(await request(path, 'long')).toMatchObject({ err: 0, text: LONG, truncated: false });
    expect(await request(path, 'console')).toMatchObject({ err: 0, text: LONG, parts: 3001, truncated: false });
  });

  it('serves several clients at once, each its own reply', async () => {
    const replies = await Promise.all(['long', 'version', 'console', 'version'].map((word) => request(path, word)));
    expect(replies.map(({ text }) => text)).toEqual([LONG, VERSION, LONG, VERSION]);
  });

  it('sends the bytes that the kernel sends', async () => {
    using client = bareSocket(`${directory}/client`);
    for (const name of ['version', 'help', 'remove-ubdb-again']) {
      const { sent, received } = recorded(name);
      client.send(sent[0]!, path);
      for (const expected of received) expect((await client.next()).data).toEqual(expected);
    }
  });

  it('answers each faulty datagram once', async () => {
    using client = bareSocket(`${directory}/client`);
    const version1 = encodeRequest('version');
    version1.writeUInt32LE(1, 4);
    const answers: [Uint8Array, string][] = [
      [Buffer.from('version'), 'ERR Version 0 mconsole clients are not supported by this driver'],
      [version1, 'This driver only supports version 2 clients'],
      [Buffer.concat([encodeRequest('version'), Buffer.alloc(5000)]), 'Request too large'],
      [Buffer.alloc(0), 'Unknown command'],
    ];
    for (const [datagram, answer] of answers) {
      client.send(datagram, path);
      expect((await client.next()).data.toString()).toContain(answer);
    }
    client.send(encodeRequest('version'), path);
    expect((await client.next()).data.toString()).toContain(VERSION);
  });

  it('has the mode that the umask gives, and goes when it is closed', () => {
    expect(statSync(path).mode & 0o7777).toBe(0o777 & ~process.umask());
    server.close();
    expect(existsSync(path)).toBe(false);
    server.close();
  });

  it('leaves a socket alone that is not its own any more', async () => {
    server.close();
    const first = serveMconsole({ path, commands });
    const { unlinkSync } = await import('node:fs');
    unlinkSync(path);
    const second = serveMconsole({ path, commands });
    first.close();
    expect((await request(path, 'version')).err).toBe(0);
    second.close();
  });
});

describe('the place of the socket', () => {
  it('is taken over from a dead server', async () => {
    server.close();
    bareSocket(path)[Symbol.dispose](); // closed without being unlinked
    server = serveMconsole({ path, commands });
    expect((await request(path, 'version')).err).toBe(0);
  });

  it('is not taken from a live one, nor from a file', () => {
    expect(() => serveMconsole({ path, commands })).toThrow(expect.objectContaining({ code: 'IN_USE' }));
    const file = `${directory}/file`;
    writeFileSync(file, 'precious');
    expect(() => serveMconsole({ path: file, commands })).toThrow(expect.objectContaining({ code: 'NOT_A_SOCKET' }));
    expect(readFileSync(file, 'utf8')).toBe('precious');
  });

  it('may be deeper than a socket’s address is long; its last part may not', async () => {
    const deep = `${directory}/${'d'.repeat(60)}/${'e'.repeat(60)}`;
    mkdirSync(deep, { recursive: true });
    const own = serveMconsole({ path: `${deep}/mconsole`, commands });
    expect(() => serveMconsole({ path: `${deep}/mconsole`, commands })).toThrow(
      expect.objectContaining({ code: 'IN_USE' }),
    );
    expect((await request(`${deep}/mconsole`, 'version')).text).toBe(VERSION);
    expect(ownerOf(deep)).toEqual({ pid: undefined, state: 'alive' });
    own.close();
    expect(existsSync(`${deep}/mconsole`)).toBe(false);
    await expect(request(`${deep}/mconsole`, 'version')).rejects.toMatchObject({ code: 'SEND' });
    const long = `${directory}/${'x'.repeat(108)}`;
    expect(() => serveMconsole({ path: long, commands })).toThrow(expect.objectContaining({ code: 'ENAMETOOLONG' }));
  });
});

describe('under load', () => {
  it('sixteen clients at once, more than its queue holds, get each its own answers', async () => {
    const row = async (client: number): Promise<void> => {
      for (let i = 0; i < 4; i++) expect((await request(path, `config ${client}.${i}`)).text).toBe(`[${client}.${i}]`);
    };
    await Promise.all(Array.from({ length: 16 }, (_, client) => row(client)));
  });

  it('any bytes at all leave it answering', async () => {
    using client = bareSocket(`${directory}/client`);
    const next = mulberry32(20261123);
    const word = ['version', 'config ubda=', 'frobnicate', ''];
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(encodeRequest(word[Math.floor(next() * word.length)] ?? ''));
      for (let flips = Math.floor(next() * 8); flips > 0; flips--) bytes[Math.floor(next() * 32)] = next() * 256;
      client.send(bytes.subarray(0, Math.floor(next() * (bytes.length + 1))), path);
      const { data } = await client.next();
      expect(data.length).toBeGreaterThan(0);
    }
    expect((await request(path, 'version')).text).toBe(VERSION);
  });
});

describe('the C client', () => {
  /** Its warnings about a full path (defect 7) go to stderr. */
  async function ask(...words: string[]): Promise<[number | null, string]> {
    const { status, stdout } = await runProgram('uml_mconsole', [path, ...words], { timeout: 20_000 });
    return [status, stdout];
  }

  it('gets whole replies and the right exit status', async () => {
    expect(await ask('version')).toEqual([0, `OK ${VERSION}\n`]);
    const [status, help] = await ask('help');
    expect([status, help.slice(0, SERVER_HELP.length + 4)]).toEqual([0, `OK ${SERVER_HELP}\n`]);
    expect(await ask('long')).toEqual([0, `OK ${LONG}\n`]);
    expect(await ask('console')).toEqual([0, `OK ${LONG}\n`]);
    expect(await ask('config', 'ubdb')).toEqual([0, 'OK [ubdb]\n']);
    expect(await ask('remove', 'ubdb')).toEqual([237, "ERR Device doesn't exist\n"]);
    expect(await ask('nonsense')).toEqual([1, 'ERR Unknown command\n']);
    expect(await ask('halt')).toEqual([0, 'OK \n']);
  });

  it('is served with fifteen others at once, long answers and short ones', async () => {
    const several = Array.from({ length: 16 }, (_, i) => (i % 4 === 0 ? ask('long') : ask('config', `ubd${i}`)));
    const expected = several.map((_, i) => [0, i % 4 === 0 ? `OK ${LONG}\n` : `OK [ubd${i}]\n`]);
    expect(await Promise.all(several)).toEqual(expected);
  });
});
