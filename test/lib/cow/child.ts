/**
 * A process that holds a disk, for the tests of locks and crashes.
 *   hold SPEC...   opens disks, says `open` or the error's code and messages, and closes them when its input ends
 *   write SPEC     writes for ever, saying `w VERSION FIRST LENGTH` before a write and `f VERSION` after a flush
 * A SPEC is a DiskSpec in JSON.
 */
import { randomInt } from 'node:crypto';
import { writeSync } from 'node:fs';
import { CowError, type Disk, type DiskSpec, openDisk } from '../../../src/lib/cow/index.ts';

const [mode, ...specs] = process.argv.slice(2);
// synchronously: what was said before a SIGKILL must have been said
const say = (line: string) => writeSync(1, `${line}\n`);

async function hold(): Promise<void> {
  const disks: Disk[] = [];
  for (const spec of specs) {
    try {
      disks.push(await openDisk(JSON.parse(spec) as DiskSpec, say));
      say('open');
    } catch (error) {
      if (!(error instanceof CowError)) throw error;
      say(`${error.code} ${error.details.pid ?? ''}`.trim());
    }
  }
  process.stdin.resume();
  process.stdin.on('end', async () => {
    for (const disk of disks) await disk.close();
    say('closed');
  });
}

async function write(): Promise<void> {
  const disk = await openDisk(JSON.parse(specs[0]!) as DiskSpec, () => {});
  const sectors = disk.size / 512;
  for (let version = 1; ; version++) {
    const length = randomInt(1, 64);
    const first = randomInt(sectors - length);
    say(`w ${version} ${first} ${length}`);
    await disk.write(first * 512, new Uint8Array(new Uint32Array(length * 128).fill(version).buffer));
    if (version % 20 === 0) {
      await disk.flush();
      say(`f ${version}`);
    }
  }
}

await (mode === 'hold' ? hold() : write());
