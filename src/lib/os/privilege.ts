import { readFileSync } from 'node:fs';

const AT_SECURE = 23n; // include/uapi/linux/auxvec.h
const ENTRY_SIZE = 16;

/**
 * Whether this program got more rights when it was started than its caller has: by file capabilities, or by a set-id
 * bit (AT_SECURE, getauxval(3)). Whoever started it then chose its arguments, environment, descriptors and directory,
 * and none of them may be trusted. False where there is no /proc to ask.
 */
export function hasRaisedRights(): boolean {
  try {
    return isSecure(readFileSync('/proc/self/auxv'));
  } catch (error) {
    // The kernel keeps what /proc tells of such a process from the process itself, as long as it is not root's.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

/** The auxiliary vector: pairs of 64-bit words, type and value. */
function isSecure(vector: Buffer): boolean {
  for (let at = 0; at + ENTRY_SIZE <= vector.length; at += ENTRY_SIZE) {
    if (vector.readBigUInt64LE(at) === AT_SECURE) return vector.readBigUInt64LE(at + 8) !== 0n;
  }
  return false;
}
