import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { hasBit } from '../../../src/lib/cow/bitmap.ts';
import { layOut } from '../../../src/lib/cow/header.ts';
import { OverlayDisk, type OverlayFile } from '../../../src/lib/cow/overlay.ts';

const SECTORS = 400;
/** What every word of the backing file is. */
const BACKING = 0x01010101;
const header = layOut({
  layout: 'v3',
  backing: Buffer.from('/backing'),
  mtime: 0,
  size: SECTORS * 512,
  sectorSize: 512,
  alignment: 4096,
});

/** A file on a disk with a write cache: what was written after the last sync may or may not survive, each sector for itself. */
class VolatileFile implements OverlayFile {
  readonly path = 'cow';
  readonly now = new Uint8Array(header.dataOffset + header.size);
  readonly durable = new Uint8Array(header.dataOffset + header.size);
  #cached: { position: number; sector: Uint8Array }[] = [];

  async read(into: Uint8Array, position: number): Promise<void> {
    await pause();
    into.set(this.now.subarray(position, position + into.length));
  }

  async write(data: Uint8Array, position: number): Promise<void> {
    await pause();
    this.now.set(data, position);
    for (let at = 0; at < data.length; at += 512) {
      this.#cached.push({ position: position + at, sector: data.slice(at, at + 512) });
    }
    await pause();
  }

  async sync(): Promise<void> {
    const covered = this.#cached.length;
    await pause();
    for (const { position, sector } of this.#cached.splice(0, covered)) this.durable.set(sector, position);
  }

  reserve(): void {}

  punch(): void {}

  close(): void {}

  /** What is on the disk if the power fails now. */
  afterPowerFailure(): Uint8Array {
    const left = this.durable.slice();
    for (const { position, sector } of this.#cached) if (randomInt(2)) left.set(sector, position);
    return left;
  }
}

async function pause(): Promise<void> {
  for (let i = randomInt(3); i > 0; i--) await new Promise(setImmediate);
}

/** A sector whose content tells which write made it. */
function sectorOf(version: number): Uint8Array {
  return new Uint8Array(new Uint32Array(128).fill(version).buffer);
}

test('a power failure at any moment loses no flushed write and never shows what was not written', async () => {
  const cow = new VolatileFile();
  const backing = {
    path: 'backing',
    read: async (into: Uint8Array) => void into.fill(1),
    write: fail,
    reserve: fail,
    punch: fail,
    sync: fail,
    close() {},
  };
  const disk = new OverlayDisk({ cow, backing }, header, new Uint8Array(header.bitmapLength), {
    readOnly: false,
    synchronous: false,
  });
  const completed = new Uint32Array(SECTORS).fill(BACKING); // the last write of each sector that has completed
  const flushed = new Uint32Array(SECTORS).fill(BACKING); // the last that a flush has covered
  const begun = new Uint32Array(SECTORS).fill(BACKING);
  let version = BACKING;
  let running = true;

  const writer = async () => {
    while (running) {
      const first = randomInt(SECTORS - 8);
      const length = randomInt(1, 9);
      const mine = ++version;
      begun.fill(mine, first, first + length);
      const data = new Uint8Array(length * 512);
      for (let i = 0; i < length; i++) data.set(sectorOf(mine), i * 512);
      await disk.write(first * 512, data);
      for (let i = first; i < first + length; i++) completed[i] = Math.max(completed[i]!, mine);
    }
  };
  const flusher = async () => {
    while (running) {
      const covered = completed.slice();
      await disk.flush();
      covered.forEach((v, i) => {
        flushed[i] = Math.max(flushed[i]!, v);
      });
      await pause();
    }
  };
  const work = [writer(), writer(), writer(), flusher(), flusher()];
  let seen = 0;
  for (let failure = 0; failure < 400; failure++) {
    await pause();
    await pause();
    const left = cow.afterPowerFailure();
    const bits = left.subarray(header.bitmapOffset, header.bitmapOffset + header.bitmapLength);
    const words = new Uint32Array(left.buffer, header.dataOffset);
    for (let i = 0; i < SECTORS; i++) {
      const shown = hasBit(bits, i) ? words[i * 128]! : BACKING;
      if (shown > BACKING) seen++;
      const isRight = shown >= flushed[i]! && shown <= begun[i]!;
      if (!isRight) expect.fail(`sector ${i} shows ${shown}; flushed ${flushed[i]}, written last ${begun[i]}`);
    }
  }
  running = false;
  await Promise.all(work);
  expect(seen).toBeGreaterThan(1000);
  await disk.close();
});

function fail(): never {
  throw new Error('the backing file was written');
}
