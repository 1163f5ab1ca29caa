/** Our `linux` and the recorded session of the C client with the real one; and what the client asks of both. */
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { absolutePaths, connect, discover, request } from '../../src/lib/mconsole/index.ts';
import { transcripts } from '../lib/mconsole/recorded.ts';
import { type OurUml, startOurUml } from '../support/our-uml.ts';

const NAME = /Linux \S+ 6\.\d+\.\S+ #.* i686/;
/** Recorded commands that mean something else to our `linux`, or nothing. */
const NOT_OURS: readonly RegExp[] = [
  /^(config|remove) (con|ssl)\w*=/, // consoles are not changed while it runs
  /^remove (con|ssl)/,
  /^config (con[15]|ssl1)$/, // what those would have left
  /^(config|remove) (eth|vec)\w*(=|$)/, // nor are network interfaces
  /^config mem/, // its memory has one size
  /^config ssl63/, // it has 16 serial lines
  /^(config|remove) ubd([defg3]|d.)\b/, // a file that is open already, or is a directory, is refused
  /^remove ubdc/, // trailing words are refused
  /^proc (1|self|\.\.)\/|^proc (kallsyms|config\.gz)/, // it can read all of /proc
];

let uml: OurUml;
beforeAll(async () => {
  uml = await startOurUml({ umid: 'debian' });
});
afterAll(() => uml?.powerOff());

it('answers as the C client was answered by UML', async () => {
  for (const disk of ['disk1', 'disk2']) {
    writeFileSync(join(uml.home, disk), '');
    truncateSync(join(uml.home, disk), 1 << 20);
  }
  const applicable = transcripts().filter(({ command }) => !NOT_OURS.some((pattern) => pattern.test(command)));
  expect(applicable.length).toBeGreaterThan(60);
  const expected: string[] = [];
  const seen: string[] = [];
  for (const { command, status, stdout } of applicable) {
    expected.push(`${command} -> ${status} ${stdout}`);
    const { command: sent } = absolutePaths(command.replaceAll('@HOME@', uml.home), uml.home);
    const { err, text } = await request(uml.socket, sent);
    const answer = `${err === 0 ? 'OK' : 'ERR'} ${text}\n`.replaceAll(uml.home, '@HOME@');
    const plain = answer.replace(NAME, 'Linux usermode @VERSION@').replace(/^OK \[ *[\d.]+\] /, 'OK ');
    seen.push(`${command} -> ${err & 0xff} ${plain}`);
  }
  expect(seen).toEqual(expected);
});

it('long answers come whole', async () => {
  for (const command of ['sysrq t', 'sysrq m', 'sysrq p', 'stack 1', 'proc cpuinfo']) {
    expect(await request(uml.socket, command)).toMatchObject({ err: 0, truncated: false });
  }
});

it('a thousand requests in a row, and sixteen clients at once, are answered', async () => {
  for (let i = 0; i < 1000; i++) expect((await request(uml.socket, 'config con0')).text).toBe('fd:0,fd:1');
  const several = await Promise.all(Array.from({ length: 16 }, () => request(uml.socket, 'proc uptime')));
  for (const { err, text } of several) expect([err, text]).toEqual([0, expect.stringMatching(/^\n\d+\.\d+ /)]);
});

it('is discovered with its kernel and memory; it tells its commands and devices', async () => {
  const found = await discover({ environment: { HOME: uml.home }, umlDir: '~/.uml' });
  expect(found).toMatchObject([{ umid: 'debian', state: 'alive', pid: uml.child.pid, kernel: { machine: 'i686' } }]);
  expect(found[0]?.memory).toBeGreaterThan(40 << 20);
  const console = connect(uml.socket);
  expect(await console.commands()).toEqual(expect.arrayContaining(['version', 'config', 'sysrq', 'stack']));
  expect(await console.devices()).toEqual(expect.arrayContaining(['ubda', 'con0']));
});
