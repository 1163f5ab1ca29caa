// Frames through a switch: Debian's uml_switch, ours and vde_switch in turn, with the same loads.
// On one core each frame is an immediate hand-over, so the rate is 1 / (cost of generator + cost of switch): it does not
// depend on where the scheduler puts things, which otherwise counts for more than the switch does.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { processorTime } from './idle.ts';
import { ours, startSwitch, theirs, vde } from './switch/contenders.ts';
import { ADDRESS_LOADS, buildNative, compareUnderLoad, LOADS, realTime } from './switch/load.ts';
import { compareTaps } from './switch/taps.ts';

export const name = 'switch: frames a second through uml_switch, C, ours and vde_switch; medians, ratios to C';

const CORE = '1';
const IDLE_MS = 3000;

export async function run(print: (line: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'uml-bench-'));
  try {
    const swbench = buildNative(directory, 'swbench');
    const onOneCore = [...realTime(), 'taskset', '-c', CORE];
    const all = [theirs, ours, vde];

    print('switch and load generator on the same core:');
    await compareUnderLoad(print, swbench, {
      contenders: all,
      loads: LOADS,
      rounds: 5,
      seconds: 0.6,
      wrapper: onOneCore,
    });
    if (availableParallelism() > 1) {
      print('on whatever cores the kernel puts them:');
      await compareUnderLoad(print, swbench, {
        contenders: all,
        loads: LOADS,
        rounds: 5,
        seconds: 0.6,
        wrapper: realTime(),
      });
    }
    print('many addresses, on the same core:');
    await compareUnderLoad(print, swbench, {
      contenders: [theirs, ours],
      loads: ADDRESS_LOADS,
      rounds: 3,
      seconds: 0.6,
      wrapper: onOneCore,
    });
    print('two hosts on taps, one of the switch and one of a client:');
    await compareTaps(print, buildNative(directory, 'tapclient'), {
      contenders: [theirs, ours],
      rounds: 3,
      wrapper: realTime(),
    });

    await using idle = await startSwitch(ours);
    await delay(IDLE_MS);
    const before = processorTime(idle.pid);
    await delay(IDLE_MS);
    print(`ours without frames: ${((100 * (processorTime(idle.pid) - before)) / IDLE_MS).toFixed(2)} % of a core`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
