import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CowLayout, encodeHeader, HEADER_BYTES, layOut, parseHeader } from '../../../src/lib/cow/header.ts';
import { root } from '../../support/run.ts';
import { MTIME } from './images.ts';

/** The start of a file, from a hex dump of one that the real tools wrote. */
function golden(name: string): Uint8Array {
  const bytes = Buffer.alloc(8192);
  for (const line of readFileSync(join(root, 'test/fixtures/cow', name), 'utf8').split('\n')) {
    const match = /^([0-9a-f]{8}) {2}((?:[0-9a-f]{2} {1,2})+)/.exec(line);
    if (match) bytes.write(match[2]!.replaceAll(' ', ''), Number.parseInt(match[1]!, 16), 'hex');
  }
  return bytes.subarray(0, HEADER_BYTES);
}

describe('headers that the kernel and the C tools wrote', () => {
  test.each([
    ['uml.hex', 'v3', 4194304, 8192, 12288, '/srv/lab/run/cow/disk'],
    ['odd.hex', 'v3', 1000, 8192, 12288, '/srv/lab/run/cow/odd'],
    ['v3-broken.hex', 'v3-64', 4194304, 8192, 12288, '/tmp/lab/run/cow/disk'],
    ['v2.hex', 'v2', 4194304, 4120, 5632, '/srv/lab/run/cow/disk'],
    ['v1.hex', 'v1-le', 4194304, 280, 1536, '/srv/lab/run/cow/disk'],
  ])('%s', (file, layout, size, bitmapOffset, dataOffset, backing) => {
    const start = golden(file);
    const header = parseHeader(start, file);
    expect(header).toMatchObject({ layout, size, sectorSize: 512, bitmapOffset, dataOffset });
    expect(header.backing.toString()).toBe(backing);
    if (file !== 'odd.hex') expect(header.mtime).toBe(MTIME);
    // written again it is the same, but for what follows the name: the kernel does not clear it
    const again = encodeHeader(header);
    const length = file === 'uml.hex' ? 32 + backing.length + 1 : again.length;
    expect(Buffer.from(again.subarray(0, length)).equals(start.subarray(0, length))).toBe(true);
  });
});

const values = { mtime: 7, size: 9 * 512, sectorSize: 512, backing: Buffer.from('/b') };
const layouts: [CowLayout, number, number, number][] = [
  ['v1-le', 280, 2, 512],
  ['v1-be', 280, 2, 512],
  ['v2', 4120, 2, 4608],
  ['v3', 8192, 2, 12288],
  ['v3-64', 8192, 2, 12288],
];

test.each(layouts)('%s is read as it was written', (layout, bitmapOffset, bitmapLength, dataOffset) => {
  const alignment = layout.startsWith('v3') ? 4096 : 512;
  const header = layOut({ ...values, layout, alignment });
  expect(header).toMatchObject({ sectors: 9, bitmapOffset, bitmapLength, dataOffset });
  const bytes = new Uint8Array(4136);
  bytes.set(encodeHeader(header));
  expect(parseHeader(bytes, 'f')).toEqual(header);
});

test('an old file whose bitmap fills its room has no bits for its last sectors', () => {
  // 232 bytes of bitmap end at 512, where the data begins
  const header = layOut({ ...values, layout: 'v1-le', alignment: 512, size: (232 * 8 + 1) * 512 });
  expect(header).toMatchObject({ sectors: 232 * 8 + 1, bitmapLength: 232, dataOffset: 512 });
});

test('what lies behind the name is written as zeros', () => {
  const bytes = encodeHeader(layOut({ ...values, layout: 'v3', alignment: 4096 }));
  expect(bytes.subarray(34).every((byte) => byte === 0)).toBe(true);
});

describe('damaged headers are refused', () => {
  const whole = () => {
    const bytes = new Uint8Array(4136);
    bytes.set(encodeHeader(layOut({ ...values, layout: 'v3', alignment: 4096 })));
    return bytes;
  };
  const fieldAt = (offset: number, value: number) => {
    const bytes = whole();
    new DataView(bytes.buffer).setUint32(offset, value);
    return bytes;
  };
  test.each([
    ['no magic', fieldAt(0, 0x12345678), 'not-cow', {}],
    ['an unknown version', fieldAt(4, 9), 'header-version', { version: 9 }],
    ['version 0', fieldAt(4, 0), 'header-version', { version: 0 }],
    ['sector size 0', fieldAt(20, 0), 'header-field', { field: 'sector size', value: 0 }],
    ['a negative sector size', fieldAt(20, 0x80000000), 'header-field', { field: 'sector size' }],
    ['sector size 513', fieldAt(20, 513), 'header-field', { field: 'sector size', value: 513 }],
    ['alignment 0', fieldAt(24, 0), 'header-field', { field: 'alignment', value: 0 }],
    ['alignment 3', fieldAt(24, 3), 'header-field', { field: 'alignment', value: 3 }],
    ['an unknown format', fieldAt(28, 1), 'header-field', { field: 'format', value: 1 }],
    ['a huge size', fieldAt(12, 0xffffffff), 'header-field', { field: 'size' }],
    ['a name without an end', whole().fill(0x61, 32), 'header-field', { field: 'backing file name' }],
    ['nothing', new Uint8Array(0), 'header-short', {}],
    ['seven bytes', whole().subarray(0, 7), 'header-short', {}],
    ['a cut name', whole().subarray(0, 4000), 'header-short', { version: 3 }],
    [
      'a V1 magic with version 3',
      Uint8Array.from([...'MOOO'].map((c) => c.charCodeAt(0)).concat([3, 0, 0, 0])),
      'header-version',
      { version: 3 },
    ],
  ])('%s', (_, bytes, code, details) => {
    let thrown: unknown;
    try {
      parseHeader(bytes, 'the file');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ name: 'CowError', code, path: 'the file', details });
  });
});
