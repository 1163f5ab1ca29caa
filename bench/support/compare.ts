/** One of the things compared: a name, and a piece of work that is measured from start to end. */
export interface Contender {
  name: string;
  /** Does the work once. What it returns is the measure; without one it is the time that the call took, in ms. */
  once(): Promise<number | undefined> | number | undefined;
}

/**
 * Measures contenders in turn, round by round, another one first each time, so that what else the machine does
 * and what the one before leaves it to do fall on all of them alike, and prints a line for each: the median, the least, and the median as a ratio to the first contender's.
 * @param unit what the measure counts, for the print; bigger is worse
 */
export async function compare(
  print: (line: string) => void,
  contenders: readonly Contender[],
  { rounds, unit = 'ms' }: { rounds: number; unit?: string },
): Promise<void> {
  const measures = contenders.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const turn of contenders.keys()) {
      const index = (round + turn) % contenders.length;
      const contender = contenders[index]!;
      const began = performance.now();
      const measure = await contender.once();
      measures[index]?.push(measure ?? performance.now() - began);
    }
  }
  const base = median(measures[0] ?? []);
  const width = Math.max(...contenders.map(({ name }) => name.length));
  for (const [index, { name }] of contenders.entries()) {
    const all = measures[index] ?? [];
    const figures = `median ${shown(median(all))} ${unit}, least ${shown(Math.min(...all))} ${unit}`;
    const ratio = index === 0 ? '' : `, ${(median(all) / base).toFixed(2)}x ${contenders[0]?.name}`;
    print(`${name.padEnd(width)}  ${figures}${ratio}`);
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0).padStart(6) : value.toPrecision(3).padStart(6);
}
