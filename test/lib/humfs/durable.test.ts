import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { convertTree, restoreTree } from '../../../src/lib/humfs/index.ts';
import { Directory } from '../../../src/lib/os/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { listing, makeTree, metadataListing } from './trees.ts';

/** What there was each time that the work waited for the disk. */
interface Moment {
  data: string[];
  metadata: string[];
  superblock: boolean;
}

let directory: string;
let moments: Moment[];
beforeEach(() => {
  directory = temporaryDirectory();
  makeTree(directory);
  moments = [];
  vi.spyOn(Directory.prototype, 'syncFileSystem').mockImplementation(() => {
    const metadata = existsSync(join(directory, 'dir_metadata')) ? metadataListing(directory) : [];
    const superblock = existsSync(join(directory, 'superblock'));
    moments.push({ data: listing(directory, 'data'), metadata, superblock });
  });
});
afterEach(() => vi.restoreAllMocks());

test('each step is on the disk before the next one begins', async () => {
  const original = listing(directory, 'data');
  await convertTree({ directory, owner: { uid: 1000, gid: 1000 }, total: 10n ** 9n });
  const [converted, metadata] = [listing(directory, 'data'), metadataListing(directory)];
  const [staged, recorded, taken, ...rest] = moments;
  // the contents of the metadata before any of it gets its name
  expect(staged).toEqual({ data: original, metadata: [], superblock: false });
  // all metadata before any data is touched
  expect(recorded).toEqual({ data: original, metadata, superblock: false });
  // all data before the superblock
  expect(taken).toEqual({ data: converted, metadata, superblock: false });
  expect(rest).toEqual([]);

  moments = [];
  await restoreTree({ directory });
  // all data before the metadata goes
  expect(moments).toEqual([{ data: original, metadata, superblock: true }]);
  expect(readdirSync(directory)).toEqual(['data', 'superblock']);
});
