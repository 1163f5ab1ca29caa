import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { spawnOurUml } from '../../support/our-uml.ts';
import { runProgram, runTool, temporaryDirectory } from '../../support/run.ts';

const ROUNDS = 20;
/** As many as there are cores: while one instance boots, what another has left is looked at. */
const AT_ONCE = 2;
const PIECES = 8;
const PIECE = 4 << 20;
const TIMEOUT = 15 * 60_000;

/** Writes the pieces of ubdc one after the other, and says of each when it is synced. */
const WRITER = `i=0; while [ $i -lt ${PIECES} ]; do
  dd if=/dev/ubdc of=/mnt/piece$i bs=${PIECE} skip=$i count=1 2>/dev/null
  sync; echo "synced-"piece$i; i=$((i + 1)); done; echo all-"done"`;

/** An empty file system, and pieces of bytes that are nowhere else. */
async function prepare(): Promise<{ home: string; base: string; source: string; pieces: Buffer }> {
  const home = temporaryDirectory();
  const [base, source] = [join(home, 'base'), join(home, 'source')];
  writeFileSync(base, '');
  truncateSync(base, 256 << 20);
  await runProgram('/sbin/mkfs.ext4', ['-q', base]);
  const pieces = randomBytes(PIECES * PIECE);
  writeFileSync(source, pieces);
  return { home, base, source, pieces };
}

/** Boots, writes, kills at a moment of chance, and looks at what is on the disk. */
async function killOnce(
  { home, base, source, pieces }: Awaited<ReturnType<typeof prepare>>,
  round: number,
): Promise<void> {
  const cow = join(home, `${round}.cow`);
  const uml = spawnOurUml({
    home,
    umid: `kill${round}`,
    args: [`ubdb=${cow},${base}`, `ubdcr=${source}`, 'init=/bin/sh', 'quiet'],
  });
  await uml.child.waitFor(/\/ # /);
  await uml.command('mount -t ext4 /dev/ubdb /mnt');
  uml.shell.type(WRITER);
  const until = randomInt(PIECES - 1); // the last one is only there to be interrupted
  let begun = 0;
  let synced = performance.now();
  for (let piece = 0; piece <= until; piece++) {
    await uml.child.waitFor(new RegExp(`synced-piece${piece}\\s`));
    [begun, synced] = [synced, performance.now()];
  }
  // any moment of the next piece, which takes about as long as this one did
  const pause = randomInt(1 + Math.round(synced - begun));
  await delay(pause);
  await uml.child.kill('SIGKILL');
  const promised = Array.from(uml.child.stdout.matchAll(/synced-piece(\d+)\s/g), ([, number]) => Number(number));
  expect(promised.length).toBeGreaterThan(until);
  const moment = `round ${round}: killed ${pause} ms after piece ${until}`;

  const image = join(home, `${round}.merged`);
  expect((await runTool('uml_moo', [cow, image])).status).toBe(0);
  const replayed = await runProgram('/sbin/e2fsck', ['-p', '-E', 'journal_only', image]);
  expect(replayed.status, `${moment}: ${replayed.stdout}`).toBe(0);
  const checked = await runProgram('/sbin/e2fsck', ['-fn', image]);
  expect(checked.status, `${moment}: ${checked.stdout}`).toBe(0);
  for (const piece of promised) {
    const copy = join(home, `${round}.copy`);
    await runProgram('/sbin/debugfs', ['-R', `dump /piece${piece} ${copy}`, image]);
    const isWhole = readFileSync(copy).equals(pieces.subarray(piece * PIECE, (piece + 1) * PIECE));
    expect(isWhole, `${moment}: piece ${piece}`).toBe(true);
    rmSync(copy);
  }
  rmSync(cow);
  rmSync(image);
}

test(
  'what was synced survives SIGKILL at any moment, and the file system with it',
  async () => {
    const place = await prepare();
    let round = 0;
    const one = async (): Promise<void> => {
      while (round < ROUNDS) await killOnce(place, round++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  },
  TIMEOUT,
);
