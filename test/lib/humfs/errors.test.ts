/** What the system refuses is told with the file that it is about. */
import { constants } from 'node:os';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { convertTree, MetadataTree, planConversion, restoreTree } from '../../../src/lib/humfs/index.ts';
import { Directory, OsError } from '../../../src/lib/os/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { makeSmallTree } from './trees.ts';

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
  makeSmallTree(directory);
});
afterEach(() => vi.restoreAllMocks());
const options = () => ({ directory, owner: { uid: 0, gid: 0 }, total: 10n ** 9n });
const refuse = () => {
  throw new OsError('statx', constants.errno.EACCES);
};

test('a directory that is not there', async () => {
  directory += '/nosuch';
  const wanted = { code: 'system', message: `Couldn't open '${directory}' - No such file or directory` };
  await expect(convertTree(options())).rejects.toMatchObject(wanted);
  await expect(planConversion(options())).rejects.toMatchObject(wanted);
  await expect(restoreTree({ directory })).rejects.toMatchObject(wanted);
  expect(() => MetadataTree.open(directory)).toThrow(expect.objectContaining(wanted));
});

test('a file that can’t be looked at', async () => {
  const look = Directory.prototype.look;
  vi.spyOn(Directory.prototype, 'look').mockImplementation(function (this: Directory, name) {
    return name === 'zero link' ? refuse() : look.call(this, name);
  });
  await expect(convertTree(options())).rejects.toThrow("Couldn't read 'data/dev/pts/zero link' - Permission denied");
});

test('a directory that can’t be listed', async () => {
  vi.spyOn(Directory.prototype, 'list').mockImplementation(refuse);
  await expect(planConversion(options())).rejects.toThrow("Couldn't read 'data' - Permission denied");
});
