import { expect, test } from 'vitest';
import { fuseOptions } from '../../../src/lib/umlfs/index.ts';

const [RO, NOSUID, NODEV, NOEXEC, NOATIME] = [1, 2, 4, 8, 1024];

test('words for the kernel as flags, words for fuse as text', () => {
  const none = { source: undefined, subtype: undefined };
  expect(fuseOptions([])).toEqual({ ...none, flags: NOSUID | NODEV, data: [] });
  expect(fuseOptions(['ro', 'noexec', 'noatime', 'allow_other', 'max_read=4096'])).toEqual({
    ...none,
    flags: RO | NOSUID | NODEV | NOEXEC | NOATIME,
    data: ['allow_other', 'max_read=4096'],
  });
  expect(fuseOptions(['ro', 'rw', 'suid', 'dev'])).toEqual({ ...none, flags: 0, data: [] });
  for (const word of ['constructor', 'toString', '__proto__']) expect(fuseOptions([word]).data).toEqual([word]);
  expect(fuseOptions(['fsname=a=b', 'subtype=x'])).toMatchObject({ source: 'a=b', subtype: 'x', data: [] });
});
