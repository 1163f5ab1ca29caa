import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { convertTree, HumfsError, restoreTree } from '../../../src/lib/humfs/index.ts';
import { Directory } from '../../../src/lib/os/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { listing, makeSmallTree, metadataListing } from './trees.ts';
import { makeOld } from './version1.ts';

/**
 * A kill is played: at one of the calls that change something, that call and all after it do nothing any more but
 * throw, so what is on the disk is what SIGKILL would have left. Each call is tried.
 */
class Killed extends Error {}

const CALLS = [
  ...(['makeDirectory', 'makeNode', 'remove', 'removeDirectory', 'rename', 'link', 'chown', 'chmod'] as const),
  ...(['setTimes', 'create', 'overwrite'] as const),
];
let calls = 0;
let killAt = Number.POSITIVE_INFINITY;
/** Of a call that is made of several, whether the first of them happened. */
let isHalfDone = false;
let wasCreate = false;

beforeEach(() => {
  for (const name of CALLS) {
    const original = Directory.prototype[name] as (this: Directory, ...args: unknown[]) => void;
    vi.spyOn(Directory.prototype, name).mockImplementation(function (this: Directory, ...args: unknown[]) {
      if (++calls < killAt) return original.apply(this, args);
      if (calls === killAt) wasCreate = name === 'create';
      if (calls === killAt && isHalfDone && wasCreate) original.call(this, args[0], new Uint8Array(), args[2]);
      throw new Killed(`at call ${killAt}`);
    });
  }
  vi.spyOn(Directory.prototype, 'syncFileSystem').mockImplementation(() => {});
  vi.spyOn(Directory.prototype, 'syncName').mockImplementation(() => {});
});
afterEach(() => vi.restoreAllMocks());

/** Runs work that is killed at a call. False if it ended before. */
async function killed(at: number, work: () => Promise<unknown>): Promise<boolean> {
  calls = 0;
  killAt = at;
  try {
    await work();
    return false;
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    return true;
  } finally {
    killAt = Number.POSITIVE_INFINITY;
  }
}

let base: string;
let original: string[];
let converted: string[];
let metadata: string[];
const owner = { uid: 1000, gid: 1001 };
const convert = (directory: string) => convertTree({ directory, owner, total: 10n ** 9n });
const undo = async (directory: string) => {
  const { problems } = await restoreTree({ directory });
  expect(problems).toEqual([]);
};

beforeAll(async () => {
  base = temporaryDirectory();
  makeSmallTree(base);
  original = listing(base, 'data');
  await convert(base);
  converted = listing(base, 'data');
  metadata = metadataListing(base);
});

function fresh(): string {
  const directory = temporaryDirectory();
  makeSmallTree(directory);
  return directory;
}

function expectConverted(directory: string, when: string): void {
  expect(listing(directory, 'data'), when).toEqual(converted);
  expect(metadataListing(directory), when).toEqual(metadata);
  expect(readdirSync(directory).sort(), when).toEqual(['data', 'dir_metadata', 'file_metadata', 'superblock']);
}

function expectOriginal(directory: string, when: string): void {
  expect(listing(directory, 'data'), when).toEqual(original);
  expect(
    readdirSync(directory).filter((name) => name !== 'superblock'),
    when,
  ).toEqual(['data']);
}

/** Plays a kill at the calls of `first`, each in a tree of its own that `prepare` has made. How many calls there are. */
async function atCalls(
  { every }: { every: number },
  prepare: () => Promise<string>,
  first: (directory: string) => Promise<unknown>,
  then: (directory: string, when: string) => Promise<void>,
): Promise<number> {
  for (let at = 1; ; at += every) {
    for (isHalfDone of [false, true]) {
      const directory = await prepare();
      if (!(await killed(at, () => first(directory)))) return at;
      await then(directory, `killed at call ${at}`);
      rmSync(directory, { recursive: true });
      if (!wasCreate) break;
    }
  }
}

test('a conversion is killed and run again', async () => {
  const points = await atCalls(
    { every: 1 },
    async () => fresh(),
    convert,
    async (directory, when) => {
      const isComplete = existsSync(join(directory, 'superblock'));
      if (isComplete) expect(listing(directory, 'data'), when).toEqual(converted); // the superblock comes last
      await convert(directory);
      expectConverted(directory, when);
    },
  );
  expect(points).toBeGreaterThan(100);
});

test('a conversion is killed and undone', async () => {
  await atCalls(
    { every: 1 },
    async () => fresh(),
    convert,
    async (directory, when) => {
      try {
        await undo(directory);
      } catch (error) {
        expect(error, when).toBeInstanceOf(HumfsError); // nothing was on record yet
        expect(existsSync(join(directory, 'file_metadata')), when).toBe(false);
      }
      expect(listing(directory, 'data'), when).toEqual(original);
    },
  );
});

const prepareConverted = async () => {
  const directory = fresh();
  await convert(directory);
  return directory;
};

test('an undoing is killed and run again', async () => {
  const points = await atCalls({ every: 1 }, prepareConverted, undo, async (directory, when) => {
    await undo(directory);
    expectOriginal(directory, when);
  });
  expect(points).toBeGreaterThan(50);
});

test('an undoing is killed and the tree is converted again', async () => {
  await atCalls({ every: 4 }, prepareConverted, undo, async (directory, when) => {
    await convert(directory);
    expectConverted(directory, when);
  });
});

test('a second conversion, with new files, is killed and run again', async () => {
  const prepare = async () => {
    const directory = await prepareConverted();
    const data = Directory.open(join(directory, 'data/dev'));
    data.makeNode('new', 'char', { major: 1, minor: 5 });
    data.create('file', Buffer.from('new'), 0o640);
    data.link('null', data, 'another null');
    data.close();
    writeFileSync(join(directory, 'data/etc/0'), 'x');
    for (const folder of ['dev', 'etc']) {
      const held = Directory.open(join(directory, 'data', folder));
      for (const name of ['.', ...held.list()]) held.setTimes(name, ...twice(1_000_000_000));
      held.close();
    }
    return directory;
  };
  const whole = await prepare();
  await convert(whole);
  const wanted: [string[], string[]] = [listing(whole, 'data'), metadataListing(whole)];
  expect(wanted[1]).toContain('file_metadata/dev/file file 644 1000:1001 416 0 0');
  await atCalls({ every: 1 }, prepare, convert, async (directory, when) => {
    await convert(directory);
    expect([listing(directory, 'data'), metadataListing(directory)], when).toEqual(wanted);
  });
});

test('a tree of version 1 is converted, killed and run again', async () => {
  const prepare = async () => {
    const directory = await prepareConverted();
    makeOld(directory);
    return directory;
  };
  const whole = await prepare();
  await convert(whole);
  const wanted = [listing(whole, 'data'), metadataListing(whole)];
  await atCalls({ every: 4 }, prepare, convert, async (directory, when) => {
    await convert(directory);
    expect([listing(directory, 'data'), metadataListing(directory)], when).toEqual(wanted);
    expect(readdirSync(directory).sort(), when).toEqual(['data', 'dir_metadata', 'file_metadata', 'superblock']);
  });
});

const twice = (seconds: number) =>
  [
    { seconds, nanoseconds: 1 },
    { seconds, nanoseconds: 1 },
  ] as const;
