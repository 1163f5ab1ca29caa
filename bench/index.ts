// `npm run bench -- [NAME…]`: measures ours beside the C tools on this machine, in one run, and prints ratios.
// Each file of this folder is a benchmark: `name`, and `run(print)`, which prints its own lines.
import { readdirSync } from 'node:fs';

interface Benchmark {
  name: string;
  /** Takes minutes: left out of a run that names no benchmark. */
  onlyByName?: boolean;
  run(print: (line: string) => void): Promise<void>;
}

const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.ts') && file !== 'index.ts');
const known = new Map(files.map((file) => [file.replace(/\.ts$/, ''), file]));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.has(name));

if (unknown.length > 0) {
  console.error(`bench: no benchmark is called ${unknown.join(', ')}; there are ${[...known.keys()].join(', ')}`);
  process.exitCode = 2;
} else {
  for (const [name, file] of known) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const benchmark = (await import(`./${file}`)) as Benchmark;
    if (wanted.length === 0 && benchmark.onlyByName) continue;
    console.log(`\n${benchmark.name}`);
    await benchmark.run((line) => console.log(`  ${line}`));
  }
}
