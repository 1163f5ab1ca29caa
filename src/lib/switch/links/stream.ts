/** Frames in a stream, as QEMU's `-netdev stream` and passt have them: each behind its length. Pure. */

/** The length before each frame: 32 bits, the highest first. */
export const LENGTH_SIZE = 4;

/** Writes the length of a frame. */
export function writeLength(bytes: Uint8Array, offset: number, length: number): void {
  bytes[offset] = length >>> 24;
  bytes[offset + 1] = length >>> 16;
  bytes[offset + 2] = length >>> 8;
  bytes[offset + 3] = length;
}

/** Reads the length of a frame, a number of 32 bits, whatever it is. */
export function readLength(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}
