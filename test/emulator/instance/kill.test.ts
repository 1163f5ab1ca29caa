import { createHash, randomInt } from 'node:crypto';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { spawnOurUml } from '../../support/our-uml.ts';
import { runProgram, runTool, temporaryDirectory } from '../../support/run.ts';

const ROUNDS = 20;
const PIECES = 16;
const PIECE = 8 << 20;
/** Longest time, in ms, from a piece's being synced to the kill: about what writing the next one takes. */
const LONGEST_DELAY = 400;
const TIMEOUT = 30 * 60_000;

/** Writes 128 MiB, piece by piece, and says of each piece when it is synced. */
const WRITER = `i=0; while [ $i -lt ${PIECES} ]; do
  dd if=/dev/zero bs=1M count=${PIECE >> 20} 2>/dev/null | tr '\\0' "\\\\$(printf %o $((65 + i)))" > /mnt/piece$i
  sync; echo "synced-"piece$i; i=$((i + 1)); done; echo all-"done"`;

function digest(piece: number): string {
  return createHash('md5')
    .update(Buffer.alloc(PIECE, 65 + piece))
    .digest('hex');
}

test(
  'what was synced survives SIGKILL at any moment, and the file system with it',
  async () => {
    const home = temporaryDirectory();
    const base = join(home, 'base');
    writeFileSync(base, '');
    truncateSync(base, 256 << 20);
    await runProgram('/sbin/mkfs.ext4', ['-q', base]);
    for (let round = 0; round < ROUNDS; round++) {
      const cow = join(home, `${round}.cow`);
      const uml = spawnOurUml({ home, umid: `kill${round}`, args: [`ubdb=${cow},${base}`, 'init=/bin/sh', 'quiet'] });
      await uml.child.waitFor(/\/ # /);
      await uml.command('mount -t ext4 /dev/ubdb /mnt');
      uml.shell.type(WRITER);
      const until = randomInt(PIECES);
      const pause = randomInt(LONGEST_DELAY);
      await uml.child.waitFor(new RegExp(`synced-piece${until}\\s`));
      await delay(pause);
      await uml.child.kill('SIGKILL');
      const synced = Array.from(uml.child.stdout.matchAll(/synced-piece(\d+)\s/g), ([, number]) => Number(number));
      expect(synced.length).toBeGreaterThan(until);

      const image = join(home, 'merged');
      expect((await runTool('uml_moo', [cow, image])).status).toBe(0);
      const moment = `round ${round}: killed ${pause} ms after piece ${until}`;
      const replayed = await runProgram('/sbin/e2fsck', ['-p', '-E', 'journal_only', image]);
      expect(replayed.status, `${moment}: ${replayed.stdout}`).toBe(0);
      const checked = await runProgram('/sbin/e2fsck', ['-fn', image]);
      expect(checked.status, `${moment}: ${checked.stdout}`).toBe(0);
      for (const piece of synced) {
        const copy = join(home, 'copy');
        await runProgram('/sbin/debugfs', ['-R', `dump /piece${piece} ${copy}`, image]);
        const sum = await runProgram('/usr/bin/md5sum', [copy]);
        expect(sum.stdout.split(' ')[0], `${moment}: piece ${piece}`).toBe(digest(piece));
        rmSync(copy);
      }
      rmSync(cow);
      rmSync(image);
    }
  },
  TIMEOUT,
);
