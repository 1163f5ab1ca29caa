import { expect, test } from 'vitest';
import { inmate, JailError } from '../../../src/lib/jail/index.ts';

test('a user that the host knows, by name or uid, comes with its name and its own group', () => {
  const nobody = { name: 'nobody', uid: 65534, gid: 65534 };
  for (const word of ['nobody', '65534', '0xfffe', '0177776']) expect(inmate(word)).toEqual(nobody);
});

test('a uid that nobody has gets the group of the same number', () => {
  expect(inmate('3999999999')).toEqual({ uid: 3999999999, gid: 3999999999, name: undefined });
});

test.each(['', 'no-such-user', '-1', '1x', '1 ', '08', '0x', '4294967295', '4294967296', '1e3', 'nobody\0'])(
  '%j is nobody',
  (word) => {
    expect(() => inmate(word)).toThrow(JailError);
  },
);
