/** Our client library and notifications against the real kernel. */
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  absolutePaths,
  type MconsoleReply,
  type Notification,
  notifications,
  request,
  SERVER_HELP,
} from '../../src/lib/mconsole/index.ts';
import { claimUmid, findSocket, listInstances, ownerOf } from '../../src/lib/umid/index.ts';
import { transcripts } from '../lib/mconsole/recorded.ts';
import { type RealUml, startRealUml } from '../support/real-uml.ts';
import { temporaryDirectory } from '../support/run.ts';

const VERSION = /Linux usermode 6\.\d+\.\d+ #.* x86_64/;

let uml: RealUml;
beforeAll(async () => {
  uml = await startRealUml({ umid: 'debian' });
});
afterAll(() => uml?.stop());

/**
 * A reply that came whole. UML drops what exceeds the queue of a client that is not given the processor in time, so on
 * a busy machine more than one attempt may be needed; a reply that lost its end must say so, or this takes it for whole.
 */
async function whole(command: string): Promise<MconsoleReply> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const reply = await request(uml.socket, command, { timeout: 1000 });
    if (!reply.truncated) return reply;
  }
  throw new Error(`${command}: no whole reply`);
}

describe('against real UML', () => {
  it('the answers are those that were recorded from the C client', async () => {
    for (const disk of ['disk1', 'disk2']) {
      writeFileSync(join(uml.home, disk), '');
      truncateSync(join(uml.home, disk), 1 << 20);
    }
    const expected: string[] = [];
    const seen: string[] = [];
    for (const { command, status, stdout } of transcripts()) {
      expected.push(`${command} -> ${status} ${stdout}`);
      const { command: sent } = absolutePaths(command.replaceAll('@HOME@', uml.home), uml.home);
      const { err, text } = await request(uml.socket, sent);
      const answer = `${err === 0 ? 'OK' : 'ERR'} ${text}\n`.replaceAll(uml.home, '@HOME@');
      seen.push(`${command} -> ${err & 0xff} ${answer.replace(VERSION, 'Linux usermode @VERSION@')}`);
    }
    expect(seen).toEqual(expected);
  });

  it('help is what our own server says', async () => {
    expect(await request(uml.socket, 'help')).toMatchObject({ err: 0, text: SERVER_HELP, parts: 2 });
  });

  it('a disk is plugged in, seen in the guest, busy while it is swapped on, and unplugged', async () => {
    const disk = join(uml.home, 'swap');
    writeFileSync(disk, '');
    truncateSync(disk, 8 << 20);
    const { command } = absolutePaths('config ubdp=swap', uml.home);
    expect(await request(uml.socket, command)).toMatchObject({ err: 0, text: '' });
    expect(await request(uml.socket, 'config ubdp')).toMatchObject({ text: disk });
    await uml.command('mkswap /dev/ubdp && swapon /dev/ubdp && grep -q ubdp /proc/swaps');
    expect(await request(uml.socket, 'remove ubdp')).toMatchObject({ err: -16, text: 'Device is currently open' });
    await uml.command('swapoff /dev/ubdp');
    expect(await request(uml.socket, 'remove ubdp')).toMatchObject({ err: 0, text: '' });
    expect(await request(uml.socket, 'remove ubdp')).toMatchObject({ err: -19, text: "Device doesn't exist" });
  });

  it('replies of many packets come whole, and one that lost its end is marked so', async () => {
    expect((await whole('sysrq p')).parts).toBeGreaterThan(10);
    expect((await whole('sysrq m')).text).toMatch(/^sysrq: Show Memory\nMem-Info:\n/);
    // what the kernel of UML says of a task whose stack it can't walk at that moment
    const given = /^(Stack:\n.*Call Trace:\n|Received SIGSEGV in SIGSEGV handler, aborting stack trace!\n)/s;
    expect((await whole('stack 2')).text).toMatch(given);
    expect((await whole('proc cpuinfo')).text).toMatch(/^\nprocessor\t: 0\n/);
  });

  it('it does nothing between stop and go, but answers', async () => {
    expect(await request(uml.socket, 'stop')).toMatchObject({ text: 'stopped' });
    const counted = uml.command('echo awake');
    expect((await request(uml.socket, 'version')).text).toMatch(VERSION);
    expect(await Promise.race([counted, request(uml.socket, 'version').then(() => 'asleep')])).toBe('asleep');
    expect(await request(uml.socket, 'go')).toMatchObject({ err: 0, text: '' });
    expect(await counted).toBe('awake\n');
  });

  it('sixteen clients at once and a thousand requests in a row are answered', async () => {
    const several = await Promise.all(Array.from({ length: 16 }, () => request(uml.socket, 'config con0')));
    for (const reply of several) expect(reply).toMatchObject({ err: 0, text: 'fd:0,fd:1', truncated: false });
    for (let i = 0; i < 1000; i++) expect((await request(uml.socket, `config ubd${i}`)).parts).toBe(1);
    expect((await request(uml.socket, 'version')).text).toMatch(VERSION);
  });

  it('a stopped process is waited for, and answers once it goes on', async () => {
    process.kill(uml.pid, 'SIGSTOP');
    try {
      await expect.poll(() => ownerOf(dirname(uml.socket))).toEqual({ pid: uml.pid, state: 'stopped' });
      await expect(request(uml.socket, 'version', { timeout: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' });
      const waiting = Array.from({ length: 14 }, () => request(uml.socket, 'version', { timeout: 30_000 }));
      process.kill(uml.pid, 'SIGCONT');
      for (const reply of await Promise.all(waiting)) expect(reply.text).toMatch(VERSION);
    } finally {
      process.kill(uml.pid, 'SIGCONT');
    }
  });

  it('its umid directory is found, listed, and not taken', () => {
    const base = join(uml.home, '.uml/');
    expect(findSocket('debian', { HOME: uml.home })).toMatchObject({ socketPath: uml.socket });
    expect(listInstances(base)).toMatchObject([{ umid: 'debian', pid: uml.pid, state: 'alive' }]);
    const ours = claimUmid({ base, name: 'debian' });
    expect(ours.warnings[0]).toMatchObject({ code: 'IN_USE', pid: uml.pid });
    ours.release();
    expect(readFileSync(join(base, 'debian/pid'), 'utf8')).toBe(`${uml.pid}\n`);
  });

  it('it does not take a directory of ours either', async () => {
    const ours = claimUmid({ base: `${uml.home}/.uml/`, name: 'taken' });
    const modes = [statSync(ours.path).mode, statSync(ours.pidPath).mode];
    const other = await startRealUml({ umid: 'taken', args: [`uml_dir=${uml.home}/.uml/`] });
    expect(other.output).toContain(`umid "taken" is already in use by pid ${process.pid}`);
    await other.stop();
    expect(readFileSync(ours.pidPath, 'utf8')).toBe(`${process.pid}\n`);
    // and what we make looks like what it makes
    const theirs = join(uml.home, '.uml/debian');
    expect(modes).toEqual([statSync(theirs).mode, statSync(`${theirs}/pid`).mode]);
    ours.release();
  });
});

describe('an instance of real UML', () => {
  it('tells its notification socket that it is there, what its users write, and that it panics; its directory is then stale', async () => {
    const path = `${temporaryDirectory()}/notify`;
    const heard = notifications(path);
    const next = async (): Promise<Notification | undefined> => (await heard.next()).value;
    const other = await startRealUml({ args: [`mconsole=notify:${path}`] });
    try {
      expect(await next()).toEqual({ type: 'socket', path: other.socket });
      await other.command('echo hello > /proc/mconsole');
      expect(await next()).toEqual({ type: 'user', data: Buffer.from('hello\n') });
      const reply = await request(other.socket, 'sysrq c').catch((error: unknown) => error);
      expect(reply).toSatisfy((outcome: object) => 'truncated' in outcome || 'code' in outcome);
      expect(await next()).toEqual({ type: 'panic', message: 'sysrq triggered crash' });
      expect(await other.exited).toEqual({ status: null, signal: 'SIGABRT' });
      const base = join(other.home, '.uml/');
      expect(ownerOf(join(base, other.umid))).toEqual({ pid: other.pid, state: 'stale' });
      const ours = claimUmid({ base, name: other.umid });
      expect(ours.name).toBe(other.umid);
      ours.release();
    } finally {
      await heard.return?.();
      await other.stop();
    }
  });

  it('that is killed leaves no client waiting, and its name goes to the next', async () => {
    const first = await startRealUml({ umid: 'killed' });
    process.kill(first.pid, 'SIGSTOP');
    const waiting = request(first.socket, 'version');
    const gone = expect(waiting).rejects.toMatchObject({ code: 'GONE' });
    await first.kill();
    await gone;
    await expect(request(first.socket, 'version')).rejects.toMatchObject({ code: 'SEND' });
    expect(ownerOf(dirname(first.socket))).toEqual({ pid: first.pid, state: 'stale' });
    const second = await startRealUml({ umid: 'killed', args: [`uml_dir=${first.home}/.uml/`] });
    try {
      expect((await request(first.socket, 'version')).text).toMatch(VERSION);
      expect(ownerOf(dirname(first.socket))).toEqual({ pid: second.pid, state: 'alive' });
    } finally {
      await second.stop();
      await first.stop();
    }
  });

  it('is rebooted, sent control-alt-del, and halted', async () => {
    const other = await startRealUml({ lock: 'unlocked' });
    try {
      expect(await request(other.socket, 'reboot')).toMatchObject({ err: 0, text: '' });
      await other.waitForBoot(2);
      expect(await other.command('echo up again')).toBe('up again\n');
      expect(await request(other.socket, 'cad')).toMatchObject({ err: 0, text: '' });
      await other.waitFor(/ctrl-alt-del handler ran/);
      expect(await other.exited).toEqual({ status: 0, signal: null });
    } finally {
      await other.stop();
    }
    const third = await startRealUml();
    try {
      expect(await request(third.socket, 'halt')).toMatchObject({ err: 0, text: '' });
      expect(await third.exited).toEqual({ status: 0, signal: null });
    } finally {
      await third.stop();
    }
  });
});
