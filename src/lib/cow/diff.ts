import type { Extent } from './extents.ts';
import { SECTOR } from './header.ts';
import { compareImages, openImage, type Watch } from './image.ts';

export interface DiffOptions extends Watch {
  /** Called for each range in which the images differ, in bytes, upward: whole sectors, neighbours joined. */
  onDifference: (offset: number, length: number) => void;
}

/**
 * Compares two images as guests see them, be they COW files or plain ones. Where one is longer, its rest is a difference.
 * @returns the bytes that differ, counted by whole sectors
 * @throws CowError
 */
export async function diffImages(first: string, second: string, options: DiffOptions): Promise<number> {
  const a = await openImage({ cow: first });
  try {
    const b = await openImage({ cow: second });
    try {
      const ranges = new Joiner(options.onDifference);
      await compareImages(a.image, b.image, options, (chunk, ofA, ofB) => {
        for (const { start, end } of differingExtents(ofA, ofB, SECTOR)) {
          ranges.add(chunk.offset + start, chunk.offset + end);
        }
      });
      const [shorter, longer] = [a.image.size, b.image.size].sort((x, y) => x - y) as [number, number];
      if (shorter < longer) ranges.add(shorter, longer);
      return ranges.finish();
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}

/** Where two buffers of one length differ, by whole units, neighbours joined. */
export function differingExtents(a: Buffer, b: Buffer, unit: number): Extent[] {
  const extents: Extent[] = [];
  for (let start = 0; start < a.length; start += unit) {
    const end = Math.min(start + unit, a.length);
    if (a.compare(b, start, end, start, end) === 0) continue;
    const last = extents.at(-1);
    if (last?.end === start) last.end = end;
    else extents.push({ start, end });
  }
  return extents;
}

/** Joins ranges that touch, before they are told. */
class Joiner {
  readonly #tell: DiffOptions['onDifference'];
  #last: Extent | undefined;
  #total = 0;

  constructor(tell: DiffOptions['onDifference']) {
    this.#tell = tell;
  }

  add(start: number, end: number): void {
    this.#total += end - start;
    if (this.#last?.end === start) {
      this.#last.end = end;
      return;
    }
    this.#flush();
    this.#last = { start, end };
  }

  finish(): number {
    this.#flush();
    return this.#total;
  }

  #flush(): void {
    if (this.#last) this.#tell(this.#last.start, this.#last.end - this.#last.start);
    this.#last = undefined;
  }
}
