import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { median } from '../support/compare.ts';
import { type Contender, startSwitch } from './contenders.ts';
import type { Series } from './load.ts';

const ADDRESSES = { near: '10.99.1.1', far: '10.99.1.2' };
const SECONDS = '2';

/** The two network namespaces. */
const names = { near: `umlbench${process.pid}a`, far: `umlbench${process.pid}b` };

interface Rates {
  /** Megabits a second from the switch's tap to the client's, and back. */
  out: number;
  back: number;
}

/**
 * Two hosts on two taps, each in a network namespace: one is the switch's own (-tap), the other that of a client, as the
 * C switch has no more than one. Prints the rate of a TCP stream each way.
 */
export async function compareTaps(
  print: (line: string) => void,
  tapclient: string,
  { contenders, rounds, wrapper }: Omit<Series, 'loads' | 'seconds'>,
): Promise<void> {
  if (spawnSync('iperf3', ['--version']).error || process.getuid?.() !== 0) {
    print('left out: it needs root and iperf3');
    return;
  }
  const rates = contenders.map((): Rates[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      rates[index]?.push(await measure(contender, tapclient, wrapper));
    }
  }
  for (const [direction, text] of [['out', 'tap to client'] as const, ['back', 'client to tap'] as const]) {
    const medians = rates.map((all) => median(all.map((one) => one[direction])));
    const figures = medians.map((rate, index) => {
      const ratio = index === 0 ? '' : `  ${(rate / (medians[0] ?? 1)).toFixed(2)}x`;
      return `${contenders[index]?.name} ${rate.toFixed(0).padStart(5)} Mbit/s${ratio}`;
    });
    print(`${`iperf3, ${text}`.padEnd(26)}${figures.join(' | ')}`);
  }
}

async function measure(contender: Contender, tapclient: string, wrapper: readonly string[]): Promise<Rates> {
  const inside = (where: keyof typeof names, ...words: string[]) => [
    ...wrapper,
    ...['ip', 'netns', 'exec', names[where]],
    ...words,
  ];
  const children: ChildProcess[] = [];
  for (const name of Object.values(names)) ip('netns', 'add', name);
  try {
    // Abstract socket names are a namespace's own: switch and client are in one, and the client's tap is moved away.
    await using running = await startSwitch(contender, { wrapper: inside('near'), tap: 'near' });
    const [file = '', ...words] = inside('near', tapclient, running.control, 'far');
    const client = spawn(file, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(client);
    await firstWords(client);
    ip('-n', names.near, 'link', 'set', 'far', 'netns', names.far);
    for (const where of ['near', 'far'] as const) {
      ip('-n', names[where], 'addr', 'add', `${ADDRESSES[where]}/24`, 'dev', where);
      ip('-n', names[where], 'link', 'set', where, 'up');
    }
    const [iperf = '', ...server] = inside('far', 'iperf3', '-s', '--forceflush');
    const listening = spawn(iperf, server, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(listening);
    await firstWords(listening);
    return { out: await stream(inside('near')), back: await stream(inside('near'), '-R') };
  } finally {
    for (const child of children) await stop(child);
    for (const name of Object.values(names)) ip('netns', 'del', name);
  }
}

/** Megabits a second that arrived. */
async function stream(inside: readonly string[], ...words: string[]): Promise<number> {
  const [file = '', ...rest] = [...inside, 'iperf3', '-c', ADDRESSES.far, '-t', SECONDS, '-O', '1', '-J', ...words];
  await delay(300); // the server says in between that it listens again
  const answer = JSON.parse(execFileSync(file, rest, { encoding: 'utf8' })) as {
    end: { sum_received: { bits_per_second: number } };
  };
  return answer.end.sum_received.bits_per_second / 1e6;
}

/** Resolves when a program says that it is ready. */
async function firstWords(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`ended: ${child.spawnargs.join(' ')}`)));
  ended.catch(() => {}); // it ends some time after all
  await Promise.race([once(child.stdout!, 'data'), ended]);
}

function ip(...words: string[]): void {
  execFileSync('ip', words);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
