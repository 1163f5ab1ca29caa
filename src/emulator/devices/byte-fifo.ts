/** Bytes in the order in which they came. Pieces are kept as they are given, not copied. */
export class ByteFifo {
  #pieces: Uint8Array[] = [];
  /** Position in the first piece. */
  #at = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.#length += bytes.length;
  }

  /** The first byte, taken out. */
  shift(): number | undefined {
    const front = this.#pieces[0];
    if (!front) return undefined;
    const byte = front[this.#at++];
    this.#length--;
    if (this.#at === front.length) {
      this.#pieces.shift();
      this.#at = 0;
    }
    return byte;
  }
}
