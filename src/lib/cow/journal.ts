import { type CowHeader, nameField } from './header.ts';
import type { HeldFile, Identity } from './held.ts';

/**
 * The mark that an in-place merge leaves in the COW file's header while it is under way, so that after a kill it can be
 * run again although the backing file's time has changed. It lies at the end of the name field, which nobody reads. Its
 * lease is renewed while data is written: a backing file that was changed after it is over was changed by somebody else.
 */
export interface MergeMark {
  /** Inode of the backing file. */
  inode: bigint;
  /** The backing file's mtime in the header when the merge began. */
  mtime: number;
  /** Milliseconds since 1970. */
  begunAt: number;
  leasedAt: number;
}

const MAGIC = Buffer.from('UMLMOO 1');
const LENGTH = 48;
/** How often the lease is renewed while data is written, and how much later a write may still belong to it. */
const LEASE_MS = 1000;
const GRACE_MS = 10_000;

/** Whether a header has room for a mark behind its backing file's name. */
export function hasRoom(header: CowHeader): boolean {
  return header.backing.length + 1 + LENGTH <= nameField(header.layout).length;
}

export function encodeMark(mark: MergeMark): Buffer {
  const bytes = Buffer.alloc(LENGTH);
  MAGIC.copy(bytes);
  bytes.writeBigUInt64BE(mark.inode, 8);
  bytes.writeBigUInt64BE(BigInt(mark.begunAt), 16);
  bytes.writeBigUInt64BE(BigInt(mark.leasedAt), 24);
  bytes.writeUInt32BE(mark.mtime, 32);
  bytes.writeUInt32BE(checksum(bytes), LENGTH - 4);
  return bytes;
}

/** The mark in the first bytes of a COW file; undefined if there is none. */
export function parseMark(start: Buffer, header: CowHeader): MergeMark | undefined {
  const at = markOffset(header);
  const bytes = start.subarray(at, at + LENGTH);
  if (!hasRoom(header) || bytes.length < LENGTH || !bytes.subarray(0, 8).equals(MAGIC)) return undefined;
  if (bytes.readUInt32BE(LENGTH - 4) !== checksum(bytes)) return undefined;
  return {
    inode: bytes.readBigUInt64BE(8),
    begunAt: Number(bytes.readBigUInt64BE(16)),
    leasedAt: Number(bytes.readBigUInt64BE(24)),
    mtime: bytes.readUInt32BE(32),
  };
}

/** CRC-32 of a mark. The module is not imported, as a merge into a new file does without it and starts sooner. */
function checksum(mark: Buffer): number {
  return process.getBuiltinModule('node:zlib').crc32(mark.subarray(0, LENGTH - 4));
}

/** Whether a backing file is as an interrupted merge left it, changed by nobody since. */
export function isInterrupted(mark: MergeMark | undefined, header: CowHeader, backing: Identity): boolean {
  return (
    mark !== undefined &&
    mark.inode === backing.inode &&
    mark.mtime === header.mtime &&
    backing.size === header.size &&
    backing.mtimeMs >= mark.begunAt - LEASE_MS &&
    backing.mtimeMs <= mark.leasedAt + GRACE_MS
  );
}

/** Keeps the mark of a merge that is under way. Every state of it on the disk is durable before it is relied on. */
export class MergeLease {
  readonly #cow: HeldFile;
  readonly #header: CowHeader;
  readonly #mark: MergeMark;
  #renewing: Promise<void> | undefined;

  private constructor(cow: HeldFile, header: CowHeader, mark: MergeMark) {
    this.#cow = cow;
    this.#header = header;
    this.#mark = mark;
  }

  /** @param earlier the mark of the merge that this one finishes */
  static async begin(cow: HeldFile, header: CowHeader, backing: Identity, earlier?: MergeMark): Promise<MergeLease> {
    const now = Date.now();
    const begunAt = earlier?.inode === backing.inode ? earlier.begunAt : now;
    const lease = new MergeLease(cow, header, { inode: backing.inode, mtime: header.mtime, begunAt, leasedAt: now });
    await lease.#write();
    return lease;
  }

  /** To be awaited before each write to the backing file. */
  async renew(): Promise<void> {
    if (Date.now() - this.#mark.leasedAt < LEASE_MS) return;
    this.#renewing ??= this.#write().finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
  }

  async #write(): Promise<void> {
    const leasedAt = Date.now();
    await this.#cow.write(encodeMark({ ...this.#mark, leasedAt }), markOffset(this.#header));
    await this.#cow.sync();
    this.#mark.leasedAt = leasedAt;
  }
}

function markOffset(header: CowHeader): number {
  const { offset, length } = nameField(header.layout);
  return offset + length - LENGTH;
}
