import { fsyncSync, ftruncateSync } from 'node:fs';
import { compareBacking } from './backing.ts';
import { about, CowError } from './error.ts';
import { type CowHeader, encodeHeader, HEADER_BYTES, hasMagic, nameField, parseHeader } from './header.ts';
import { type HeldFile, hold } from './held.ts';
import { runsOf } from './inspect.ts';
import { isInterrupted, parseMark } from './journal.ts';

/**
 * What can be wrong with a COW file:
 * `stray-bits` the bitmap has bits behind the last sector; `dirty-name` something is left behind the backing file's name
 * (old writers leak memory there); `short-file` the file ends early, but where it holds nothing: these can be repaired.
 * `truncated` data or bitmap are cut off; `no-bitmap-room` an old layout can't record the last sectors; `merge-begun` an
 * in-place merge is to be finished; `backing` the backing file is missing, another, or a COW file.
 */
export type ProblemCode =
  | 'stray-bits'
  | 'dirty-name'
  | 'short-file'
  | 'truncated'
  | 'no-bitmap-room'
  | 'merge-begun'
  | 'backing';

export interface Problem {
  readonly code: ProblemCode;
  /** What is wrong with the file or its backing file, where it is an error elsewhere too. */
  readonly error?: CowError;
  readonly repaired: boolean;
}

/**
 * Looks for all that can be wrong with a COW file.
 * @param repair mends what can be mended without guessing, durably; it takes the write lock
 * @throws CowError `not-cow`, `header-short`, `header-version`, `header-field`, `locked`, `system`
 */
export function checkCow({ cow: name, repair }: { cow: string; repair?: true }): Problem[] {
  const access = repair ? 'write' : 'read';
  const cow = hold(name, access, access);
  try {
    const start = cow.readNow(HEADER_BYTES, 0);
    const header = parseHeader(start, name);
    const problems: Problem[] = [];
    const found = (code: ProblemCode, error?: CowError) =>
      void problems.push({ code, repaired: false, ...(error && { error }) });
    const mend = (code: ProblemCode, work: () => void) => {
      if (repair) work();
      problems.push({ code, repaired: repair === true });
    };

    const mark = parseMark(start, header);
    if (mark) found('merge-begun');
    else if (hasRestAfterName(start, header)) mend('dirty-name', () => cow.writeNow(encodeHeader(header), 0));
    const cut = whatIsCut(cow, header);
    if (cut) found('truncated', cut);
    else {
      if (hasStrayBits(cow, header)) mend('stray-bits', () => clearStrayBits(cow, header));
      const whole = header.dataOffset + header.size;
      if (cow.identity().size < whole) mend('short-file', () => about(name, () => ftruncateSync(cow.fd, whole)));
    }
    if (header.bitmapLength * 8 < header.sectors) found('no-bitmap-room');
    const backing = whatIsWrongWithBacking(header, (file) => isInterrupted(mark, header, file.identity()));
    if (backing) found('backing', backing);
    if (problems.some(({ repaired }) => repaired)) about(name, () => fsyncSync(cow.fd));
    return problems;
  } finally {
    cow.close();
  }
}

function hasRestAfterName(start: Buffer, header: CowHeader): boolean {
  const { offset, length } = nameField(header.layout);
  return start.subarray(offset + header.backing.length, offset + length).some((byte) => byte !== 0);
}

function whatIsCut(cow: HeldFile, header: CowHeader): CowError | undefined {
  try {
    let end = 0;
    for (const { to, isHeld } of runsOf(cow, header)) if (isHeld) end = to;
    const expected = header.dataOffset + Math.min(end * header.sectorSize, header.size);
    const actual = cow.identity().size;
    return end > 0 && actual < expected ? new CowError('truncated', cow.path, { expected, actual }) : undefined;
  } catch (error) {
    if (error instanceof CowError && error.code === 'truncated') return error;
    throw error;
  }
}

/** The bitmap's last byte, of whose bits only the lowest `sectors % 8` mean anything. */
function lastByte(cow: HeldFile, { sectors, bitmapOffset, bitmapLength }: CowHeader) {
  const position = bitmapOffset + Math.floor(sectors / 8);
  if (sectors % 8 === 0 || Math.floor(sectors / 8) >= bitmapLength) return undefined;
  const byte = cow.readNow(1, position)[0] ?? 0;
  return { position, byte, wanted: byte & ((1 << (sectors % 8)) - 1) };
}

function hasStrayBits(cow: HeldFile, header: CowHeader): boolean {
  const last = lastByte(cow, header);
  return last !== undefined && last.byte !== last.wanted;
}

function clearStrayBits(cow: HeldFile, header: CowHeader): void {
  const last = lastByte(cow, header);
  if (last) cow.writeNow(Uint8Array.of(last.wanted), last.position);
}

function whatIsWrongWithBacking(header: CowHeader, isExcused: (file: HeldFile) => boolean): CowError | undefined {
  try {
    const file = hold(header.backing, 'read', 'none');
    try {
      if (!isExcused(file)) compareBacking(file.path, header, file.identity());
      if (hasMagic(file.readNow(HEADER_BYTES, 0))) throw new CowError('cow-backing', file.path);
    } finally {
      file.close();
    }
    return undefined;
  } catch (error) {
    if (error instanceof CowError) return error;
    throw error;
  }
}
