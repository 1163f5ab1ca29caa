import { expect, test } from 'vitest';
import { pace, type Work } from '../../../src/lib/humfs/pace.ts';

const DEPTH = 100_000; // far more than the stack of calls has room for

test('work in work, however deep, is done in order', async () => {
  const seen: number[] = [];
  function* nested(depth: number): Work {
    yield;
    if (depth < DEPTH) yield nested(depth + 1);
    seen.push(depth);
    yield;
  }
  let steps = 0;
  await pace(nested(1), undefined, () => void steps++);
  expect(steps).toBe(2 * DEPTH);
  expect(seen).toEqual(Array.from({ length: DEPTH }, (_, i) => DEPTH - i));
});

/** Three pieces of work in one another, of which the last one does what it is told; each says that it has cleared up. */
function* clearing(closed: string[], last: () => void, names = ['outer', 'middle', 'inner']): Work {
  const [name = '', ...rest] = names;
  try {
    if (rest.length > 0) yield clearing(closed, last, rest);
    else last();
    yield;
    throw new Error('went on');
  } finally {
    closed.push(name);
  }
}

test('an error ends all of it, from the inside out', async () => {
  const closed: string[] = [];
  const fail = () => {
    throw new Error('failed');
  };
  await expect(pace(clearing(closed, fail), undefined, () => {})).rejects.toThrow('failed');
  expect(closed).toEqual(['inner', 'middle', 'outer']);
});

test('so does the caller’s signal', async () => {
  const closed: string[] = [];
  const stop = new AbortController();
  const work = clearing(closed, () => stop.abort());
  await expect(pace(work, stop.signal, () => {})).rejects.toMatchObject({ name: 'HumfsError', code: 'interrupted' });
  expect(closed).toEqual(['inner', 'middle', 'outer']);
});
