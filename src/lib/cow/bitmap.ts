/** Bytes of bitmap that are written at a time: one page covers 16 MiB of 512-byte sectors. */
export const BITMAP_BLOCK = 4096;

/** A piece of a bitmap as it was at one moment. */
export interface BitmapPiece {
  /** Where it begins, in bytes from the start of the bitmap. */
  offset: number;
  bytes: Uint8Array;
}

/** Whether sector `i` is in the COW file: bit i % 8 of byte i / 8, least significant first (spec 6.2). */
export function hasBit(bits: Uint8Array, i: number): boolean {
  return ((bits[Math.floor(i / 8)] ?? 0) & (1 << (i % 8))) !== 0;
}

/** The first index after `from`, at most `end`, whose bit differs from that of `from`. Bits past the array are clear. */
export function runEnd(bits: Uint8Array, from: number, end: number): number {
  const state = hasBit(bits, from);
  const whole = state ? 0xff : 0;
  let i = from + 1;
  while (i < end) {
    if (i % 8 === 0) {
      let byte = i / 8;
      while (byte < bits.length && bits[byte] === whole) byte++;
      if (!state && byte >= bits.length) return end;
      i = byte * 8;
      if (i >= end) return end;
    }
    if (hasBit(bits, i) !== state) return i;
    i++;
  }
  return end;
}

/** The index after the last bit that is set, 0 if none is. */
export function lastSet(bits: Uint8Array): number {
  let byte = bits.length - 1;
  while (byte >= 0 && bits[byte] === 0) byte--;
  return byte < 0 ? 0 : byte * 8 + 32 - Math.clz32(bits[byte] ?? 0);
}

/** The bitmap of an open COW file: which sectors it holds, and which parts of the bitmap the file does not know yet. */
export class Bitmap {
  readonly bits: Uint8Array;
  readonly #isDirty: Uint8Array;
  #dirty: number[] = [];

  constructor(bits: Uint8Array) {
    // never as a Buffer, whose slice() makes no copy
    this.bits = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
    this.#isDirty = new Uint8Array(Math.ceil(bits.length / BITMAP_BLOCK));
  }

  /** Sets the bits from `from` to before `end`. */
  set(from: number, end: number): void {
    for (let i = from; i < end; ) {
      i = hasBit(this.bits, i) ? runEnd(this.bits, i, end) : this.#fill(i, runEnd(this.bits, i, end));
    }
  }

  #fill(from: number, end: number): number {
    let i = from;
    while (i < end && i % 8 !== 0) this.#setBit(i++);
    if (end - i >= 8) {
      this.bits.fill(0xff, i / 8, Math.floor(end / 8));
      i = Math.floor(end / 8) * 8;
    }
    while (i < end) this.#setBit(i++);
    for (let block = Math.floor(from / 8 / BITMAP_BLOCK); block * BITMAP_BLOCK * 8 < end; block++) this.#touch(block);
    return end;
  }

  #setBit(i: number): void {
    const byte = Math.floor(i / 8);
    this.bits[byte] = (this.bits[byte] ?? 0) | (1 << (i % 8));
  }

  #touch(block: number): void {
    if (this.#isDirty[block]) return;
    this.#isDirty[block] = 1;
    this.#dirty.push(block);
  }

  /** Copies of the parts that changed since the last call, neighbours joined; from now on they count as known. */
  takeDirty(): BitmapPiece[] {
    const blocks = this.#dirty.sort((a, b) => a - b);
    this.#dirty = [];
    const pieces: BitmapPiece[] = [];
    for (let i = 0; i < blocks.length; ) {
      const first = blocks[i]!;
      let last = first;
      for (i++; blocks[i] === last + 1; i++) last++;
      this.#isDirty.fill(0, first, last + 1);
      const offset = first * BITMAP_BLOCK;
      pieces.push({ offset, bytes: this.bits.slice(offset, (last + 1) * BITMAP_BLOCK) });
    }
    return pieces;
  }

  /** Undoes takeDirty() for pieces that could not be written. */
  putBack(pieces: readonly BitmapPiece[]): void {
    for (const { offset, bytes } of pieces) {
      for (let at = offset; at < offset + bytes.length; at += BITMAP_BLOCK) this.#touch(at / BITMAP_BLOCK);
    }
  }
}
