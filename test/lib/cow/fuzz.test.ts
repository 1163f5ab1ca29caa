/** Damaged headers and bitmaps: each gives a CowError or a file that is sound, and nothing is touched. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  CowError,
  type CowLayout,
  checkCow,
  compactCow,
  encodeHeader,
  HEADER_BYTES,
  inspectImage,
  layOut,
  mapImage,
  mergeInPlace,
  mergeToFile,
  openDisk,
  parseHeader,
} from '../../../src/lib/cow/index.ts';
import { temporaryDirectory } from '../../support/run.ts';
import { MTIME, makeCow, makeImage } from './images.ts';

const LAYOUTS = ['v1-le', 'v1-be', 'v2', 'v3', 'v3-64'] as const satisfies readonly CowLayout[];
/** Where a change matters: magic, version, the fields before and behind the name, and the name's edges. */
const PLACES = [...Array(48).keys(), 255, 256, ...Array.from({ length: 24 }, (_, i) => 260 + i)].concat(
  Array.from({ length: 40 }, (_, i) => 4096 + i),
);
const VALUES = [0, 1, 2, 3, 0x10, 0x4d, 0x4f, 0x7f, 0x80, 0xff];

/** The same numbers in each run, so that a failure can be seen again. */
function* numbers(seed: number): Generator<number, never> {
  for (let i = 0; ; i++) yield createHash('sha256').update(`${seed} ${i}`).digest().readUInt32LE();
}

function damage(bytes: Buffer, random: Generator<number, never>): void {
  const pick = <T>(from: readonly T[]): T => from[random.next().value % from.length]!;
  for (let n = random.next().value % 4; n >= 0; n--) bytes[pick(PLACES)] = pick(VALUES);
}

test.each(LAYOUTS)('%s: a header is refused by a CowError, or is sound', (layout) => {
  const random = numbers(LAYOUTS.indexOf(layout));
  const values = { mtime: 7, size: 1 << 20, sectorSize: 512, backing: Buffer.from('/images/root') };
  const whole = Buffer.alloc(HEADER_BYTES);
  whole.set(encodeHeader(layOut({ ...values, layout, alignment: layout.startsWith('v3') ? 4096 : 512 })));
  const seen = new Set<string>();
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(whole);
    damage(bytes, random);
    try {
      const header = parseHeader(bytes.subarray(0, round % 7 ? HEADER_BYTES : random.next().value % HEADER_BYTES), 'f');
      seen.add('sound');
      for (const field of ['sectors', 'bitmapOffset', 'bitmapLength', 'dataOffset', 'size'] as const) {
        expect(Number.isSafeInteger(header[field]) && header[field] >= 0, field).toBe(true);
      }
      expect(header.bitmapOffset + header.bitmapLength).toBeLessThanOrEqual(header.dataOffset);
      expect(header.sectors * header.sectorSize).toBeGreaterThanOrEqual(header.size);
      expect(header.backing.length).toBeGreaterThan(0);
    } catch (error) {
      if (!(error instanceof CowError)) throw error;
      expect(error.message).not.toContain('\n');
      seen.add(error.code);
    }
  }
  expect([...seen]).toEqual(
    expect.arrayContaining(['sound', 'not-cow', 'header-short', 'header-version', 'header-field']),
  );
});

describe('files', () => {
  const SIZE = 70_000;
  let d: string;
  let image: string;
  let model: Buffer;
  beforeAll(() => {
    d = temporaryDirectory();
    image = join(d, 'image');
    model = makeImage(image, SIZE);
  });

  test.each(LAYOUTS)(
    '%s: whoever opens a damaged one gets an answer or a CowError, and harms nothing',
    async (layout) => {
      const random = numbers(100 + LAYOUTS.indexOf(layout));
      const [cow, whole] = [join(d, 'cow'), join(d, 'whole')];
      makeCow(
        whole,
        { layout, size: SIZE, backing: image },
        new Map([0, 7, 136].map((i) => [i, Buffer.alloc(512, 'x')])),
      );
      const good = readFileSync(whole);
      const outcomes = new Set<string>();
      for (let round = 0; round < 60; round++) {
        const bytes = Buffer.from(good);
        damage(bytes, random);
        writeFileSync(cow, bytes);
        if (round % 5 === 0) truncateSync(cow, random.next().value % bytes.length);
        const before = readFileSync(cow);
        const attempts: (() => unknown)[] = [
          () => inspectImage(cow),
          () => [...mapImage(cow)].length,
          () => checkCow({ cow }),
          () => openDisk({ file: cow, backing: image, readOnly: true }, () => {}).then((disk) => disk.close()),
          () => mergeToFile({ cow, output: join(d, 'out'), ignoreMtime: true }),
        ];
        for (const attempt of attempts) outcomes.add(await outcome(attempt));
        expect(readFileSync(cow).equals(before)).toBe(true);
        const inPlace = await outcome(() => mergeInPlace({ cow }));
        if (inPlace !== 'done') expect(readFileSync(image).equals(model), inPlace).toBe(true);
        makeImageAgain();
        await outcome(() => compactCow({ cow }));
        expect(readdirSync(d).filter((name) => name.startsWith('.'))).toEqual([]);
      }
      expect(outcomes.size).toBeGreaterThan(3);
    },
  );

  /** What was merged into it is taken back, so that the next round begins as the first. */
  function makeImageAgain(): void {
    writeFileSync(image, model);
    utimesSync(image, MTIME, MTIME);
  }

  async function outcome(attempt: () => unknown): Promise<string> {
    try {
      await attempt();
      return 'done';
    } catch (error) {
      if (!(error instanceof CowError)) throw error;
      return error.code;
    }
  }
});
