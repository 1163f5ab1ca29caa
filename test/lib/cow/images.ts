import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { encodeHeader, type HeaderValues, layOut } from '../../../src/lib/cow/header.ts';

/** The modification time of the golden transcripts' backing files. */
export const MTIME = 1130814229;

/** An image of random bytes with the golden modification time. */
export function makeImage(path: string, size: number): Buffer {
  const bytes = randomBytes(size);
  writeFileSync(path, bytes);
  utimesSync(path, MTIME, MTIME);
  return bytes;
}

/** A sparse image: nothing but a hole. */
export function makeHole(path: string, size: number): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, size);
  closeSync(fd);
  utimesSync(path, MTIME, MTIME);
}

/**
 * Writes a COW file of any layout by hand, independently of the library's writer: header, bitmap bytes, sectors.
 * @param sectors content by sector number
 */
export function makeCow(
  path: string,
  values: Pick<HeaderValues, 'layout' | 'size'> & { backing: string; mtime?: number; sectorSize?: number },
  sectors: ReadonlyMap<number, Uint8Array>,
): void {
  const sectorSize = values.sectorSize ?? 512;
  const header = layOut({
    layout: values.layout,
    size: values.size,
    sectorSize,
    alignment: values.layout.startsWith('v3') ? 4096 : sectorSize,
    mtime: values.mtime ?? MTIME,
    backing: Buffer.from(values.backing),
  });
  const fd = openSync(path, 'w');
  writeSync(fd, encodeHeader(header), 0, null, 0);
  const bitmap = Buffer.alloc(Math.max(header.bitmapLength, Math.ceil(header.sectors / 8)));
  for (const [i, bytes] of sectors) {
    bitmap[i >> 3] = bitmap[i >> 3]! | (1 << (i & 7));
    writeSync(fd, bytes, 0, bytes.length, header.dataOffset + i * sectorSize);
  }
  writeSync(fd, bitmap, 0, header.bitmapLength, header.bitmapOffset);
  const end = header.dataOffset + header.size;
  if (statSync(path).size < end) ftruncateSync(fd, end);
  closeSync(fd);
}

export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
