/**
 * The tty log of UML's `tty_log_fd=` and `tty_log_dir=` (spec 12): records of six 32-bit words in host byte order, little-
 * endian on every host that UML runs on, then data. The words: operation, tty, bytes of data, direction, seconds and
 * microseconds since the epoch.
 */
import { TtyLogError } from './error.ts';

const OPEN = 1;
const CLOSE = 2;
const WRITE = 3;
const EXEC = 4;
const READ_DIRECTION = 1;
const WRITE_DIRECTION = 2;

const HEADER_SIZE = 24;
/** More data than any tty or exec has; a longer length is no length. */
const MAX_DATA = 16 << 20;
const WORD = 4;
const MICROSECOND = 1e6;

interface Common {
  /** The tty, a number that is its own while it is open. */
  tty: number;
  /** Microseconds since the epoch. */
  time: number;
}

export type TtyRecord = Common &
  (
    | {
        op: 'open';
        /** The tty that its opener sat at: 0 or itself where a session begins. */
        from: number;
      }
    | { op: 'close' }
    /** Bytes that were typed at the tty. */
    | { op: 'read'; data: Uint8Array }
    /** Bytes that appeared on the tty. */
    | { op: 'write'; data: Uint8Array }
    | { op: 'exec'; argv: readonly Uint8Array[] }
  );

/** One record, to be written to the log in one piece. */
export function encodeRecord(record: TtyRecord): Buffer {
  const { op, direction, data } = body(record);
  if (data.length > MAX_DATA) throw new RangeError(`a record of a tty log holds ${MAX_DATA} bytes, not ${data.length}`);
  const bytes = Buffer.alloc(HEADER_SIZE + data.length);
  const seconds = Math.floor(record.time / MICROSECOND);
  const words = [op, record.tty, data.length, direction, seconds, record.time - seconds * MICROSECOND];
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * WORD);
  bytes.set(data, HEADER_SIZE);
  return bytes;
}

function body(record: TtyRecord): { op: number; direction: number; data: Uint8Array } {
  switch (record.op) {
    case 'open': {
      const data = Buffer.alloc(WORD);
      data.writeUInt32LE(record.from, 0);
      return { op: OPEN, direction: 0, data };
    }
    case 'close':
      return { op: CLOSE, direction: 0, data: Buffer.alloc(0) };
    case 'read':
      return { op: WRITE, direction: READ_DIRECTION, data: record.data };
    case 'write':
      return { op: WRITE, direction: WRITE_DIRECTION, data: record.data };
    case 'exec':
      return { op: EXEC, direction: 0, data: Buffer.concat(record.argv.flatMap((word) => [word, Buffer.alloc(1)])) };
  }
}

/**
 * Reads the first record of some bytes of a log.
 * @param offset where they are in the log, for messages
 * @returns the record, whose data is a part of the bytes, and how many bytes it takes; where they end before it does,
 * how many it needs at least
 * @throws TtyLogError MALFORMED
 */
export function decodeRecord(
  bytes: Uint8Array,
  offset: number,
): { record: TtyRecord; size: number } | { record?: undefined; size: number } {
  if (bytes.length < HEADER_SIZE) return { size: HEADER_SIZE };
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const [op, tty, length, direction, seconds, microseconds] = [0, 1, 2, 3, 4, 5].map((word) =>
    view.readUInt32LE(word * WORD),
  ) as [number, number, number, number, number, number];
  const malformed = (what: string) =>
    new TtyLogError('MALFORMED', offset, `there is no record at byte ${offset}: ${what}`);
  if (op < OPEN || op > EXEC) throw malformed(`operation ${op}`);
  if (length > MAX_DATA) throw malformed(`${length} bytes of data`);
  if (microseconds >= MICROSECOND) throw malformed(`${microseconds} microseconds`);
  if (op === OPEN && length < WORD) throw malformed('a tty opened from none');
  if (op === WRITE && direction !== READ_DIRECTION && direction !== WRITE_DIRECTION) {
    throw malformed(`direction ${direction}`);
  }
  const size = HEADER_SIZE + length;
  if (bytes.length < size) return { size };
  const common = { tty, time: seconds * MICROSECOND + microseconds };
  const data = view.subarray(HEADER_SIZE, size);
  if (op === OPEN) return { record: { ...common, op: 'open', from: data.readUInt32LE(0) }, size };
  if (op === CLOSE) return { record: { ...common, op: 'close' }, size };
  if (op === EXEC) return { record: { ...common, op: 'exec', argv: words(data) }, size };
  return { record: { ...common, op: direction === READ_DIRECTION ? 'read' : 'write', data }, size };
}

/** What NULs separate; the last of them need not be there. */
function words(data: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const end = data.indexOf(0, at);
    found.push(data.subarray(at, end < 0 ? data.length : end));
    at = end < 0 ? data.length : end + 1;
  }
  return found;
}
