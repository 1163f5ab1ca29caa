/** What goes back to the kernel: pure codec (spec 11.1; drivers of arch/um/os-Linux read it). */

/** IFNAMSIZ. */
const NAME_SIZE = 16;

/** The text of a transcript as the kernel reads it: with a NUL, unless there is none. */
function textBytes(text: string): Buffer {
  return Buffer.from(text === '' ? '' : `${text}\0`);
}

/** An output record: the number of bytes (32 bits, of this machine's order), and the bytes. */
export function encodeRecord(text: string): { length: Buffer; bytes: Buffer } {
  const bytes = textBytes(text);
  const length = Buffer.alloc(4);
  length.writeInt32LE(bytes.length);
  return { length, bytes };
}

/** The message that a tap's descriptor travels with: its name, 16 bytes, and the text; after a failure the text only. */
export function encodeTapMessage(name: string | undefined, text: string): Buffer {
  const bytes = textBytes(text);
  if (name === undefined) return bytes;
  const padded = Buffer.alloc(NAME_SIZE);
  padded.write(name, 0, NAME_SIZE - 1);
  return Buffer.concat([padded, bytes]);
}
