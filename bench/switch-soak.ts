// Ten million frames through our switch, each checked: its memory after every million.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { residentMegabytes } from './idle.ts';
import { ours, startSwitch } from './switch/contenders.ts';
import { buildNative } from './switch/load.ts';

export const name = 'switch-soak: memory of uml_switch over ten million frames';
export const onlyByName = true;

const ON_ONE_CORE = ['taskset', '-c', '1'];
const LEGS = 10;
const FRAMES = '1000000';
/** Seconds that a million may take. */
const LIMIT = '120';

export async function run(print: (line: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'uml-bench-'));
  try {
    const swbench = buildNative(directory, 'swbench');
    await using running = await startSwitch(ours, { wrapper: ON_ONE_CORE });
    print(`at the start ${residentMegabytes(running.pid)} MB`);
    let frames = 0;
    for (let leg = 1; leg <= LEGS; leg++) {
      const words = ['stream', '-s', '512', '-c', '-u', running.control, '-N', FRAMES, '-d', LIMIT, '-j'];
      const [file = '', ...rest] = [...ON_ONE_CORE, swbench, ...words];
      const { stdout } = spawnSync(file, rest, { encoding: 'utf8' }); // fails and says nothing at a damaged frame
      const answer = JSON.parse(stdout) as { received: number; lost: number };
      frames += answer.received;
      print(`${(frames / 1e6).toFixed(2)} million frames, ${answer.lost} lost: ${residentMegabytes(running.pid)} MB`);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
