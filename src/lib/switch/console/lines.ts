/** Bytes that a line may have. */
export const MOST_LINE = 8192;

/** Takes lines out of the pieces of a stream. */
export class LineSplitter {
  #rest = Buffer.alloc(0);

  /** The lines that are whole with these bytes, without their ends (`\n`, `\r\n`). */
  add(bytes: Uint8Array): string[] {
    const all = Buffer.concat([this.#rest, bytes]);
    const lines: string[] = [];
    let from = 0;
    for (let end = all.indexOf(10); end >= 0 && end - from <= MOST_LINE; end = all.indexOf(10, from)) {
      lines.push(all.toString('utf8', from, end).replace(/\r$/, ''));
      from = end + 1;
    }
    this.#rest = all.subarray(from);
    return lines;
  }

  /** What came has no end where a line may have one at the latest. */
  get isOverlong(): boolean {
    return this.#rest.length > MOST_LINE;
  }
}
