import { expect, test } from 'vitest';
import { askNetlink } from '../../../src/lib/os/index.ts';

const RTM_GETLINK = 18;
const LOOPBACK = { index: 1, name: 'lo' };

/** Interface index and name of a message about a link: struct ifinfomsg, then the name as the first attribute. */
function linkOf(body: Buffer): { index: number; name: string } {
  return { index: body.readInt32LE(4), name: body.toString('utf8', 20, body.indexOf(0, 20)) };
}

test('all of a kind are told, or one', () => {
  const all = askNetlink({ type: RTM_GETLINK, body: Buffer.alloc(16) }, 'dump');
  expect(all.map(({ body }) => linkOf(body))).toContainEqual(LOOPBACK);
  const body = Buffer.alloc(16);
  body.writeInt32LE(LOOPBACK.index, 4);
  const one = askNetlink({ type: RTM_GETLINK, body }, 'one');
  expect(one.map(({ body }) => linkOf(body))).toEqual([LOOPBACK]);
});

test('a refusal is an error with its number', () => {
  const body = Buffer.alloc(16);
  body.writeInt32LE(0x7ffffff0, 4);
  expect(() => askNetlink({ type: RTM_GETLINK, body }, 'one')).toThrow(expect.objectContaining({ code: 'ENODEV' }));
  expect(() => askNetlink({ type: 999, body }, 'one')).toThrow(expect.objectContaining({ code: 'EOPNOTSUPP' }));
});
