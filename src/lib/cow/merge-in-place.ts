import { futimesSync } from 'node:fs';
import { chunksOf, dirtyExtents } from './chunks.ts';
import { about, CowError } from './error.ts';
import { DataMap, type Extent, nonZeroExtents } from './extents.ts';
import { type CowHeader, encodeHeader, encodeMtime } from './header.ts';
import { type HeldFile, identify, isWriteRefused } from './held.ts';
import { hasRoom, MergeLease } from './journal.ts';
import { forEachChunk, type MergeOptions, MergeTarget } from './merge.ts';
import { during, type MergeSource, openSource } from './source.ts';

/** Bytes of bitmap that are cleared at a time. */
const WINDOW = 1 << 20;

/** What an in-place merge did. */
export interface InPlaceResult {
  /** Whether the COW file held anything; if not, nothing was touched. */
  readonly merged: boolean;
  /**
   * Whether the COW file is now an empty one over the merged backing file. It is left as it was where it can't be
   * written, or where the merged file is not the one that its header names.
   */
  readonly rebased: boolean;
}

/**
 * Writes what a COW file holds into its backing file. A kill at any moment loses nothing: the COW file gives up its
 * data only when that is durable in the backing file, and running the merge again finishes it.
 *
 * The backing file gets a new modification time, so that other COW files over it are refused.
 * @throws CowError with `details.step` (MergeStep); `locked` while any of the files is in use
 */
export async function mergeInPlace(options: MergeOptions): Promise<InPlaceResult> {
  const { source, isCowWritable } = await openWritable(options);
  try {
    return await mergeInto(source, options, isCowWritable);
  } finally {
    source.close();
  }
}

/** Opens what an in-place merge works on; a COW file that can't be written can be merged all the same. */
export async function openWritable(options: MergeOptions): Promise<{ source: MergeSource; isCowWritable: boolean }> {
  try {
    return { source: await openSource(options, 'write', 'write'), isCowWritable: true };
  } catch (error) {
    const isAboutCow = error instanceof CowError && error.details.step === 'open-cow';
    if (!isAboutCow || !isWriteRefused(error)) throw error;
    return { source: await openSource(options, 'write', 'read'), isCowWritable: false };
  }
}

async function mergeInto(source: MergeSource, options: MergeOptions, isCowWritable: boolean): Promise<InPlaceResult> {
  const { cow, backing, header, identity, mark } = source;
  // to the end, so that a damaged COW file is found before anything is written
  let isDirty = false;
  for (const _ of chunksOf(source, 'dirty')) isDirty = true;
  if (!isDirty && !mark) return { merged: false, rebased: false };

  const lease = isCowWritable && hasRoom(header) ? await MergeLease.begin(cow, header, identity, mark) : undefined;
  const to = new MergeTarget(backing, 'meanwhile');
  const holes = new DataMap(backing.fd);
  try {
    await forEachChunk(source, 'dirty', options, async (chunk, read) => {
      const extents = dirtyExtents(chunk, header.sectorSize);
      const bytes = await read(chunk, extents);
      for (const { start, end } of extents.flatMap((extent) => piecesToWrite(bytes, extent, chunk.offset, holes))) {
        await lease?.renew();
        await to.write(bytes.subarray(start, end), chunk.offset + start);
      }
    });
  } finally {
    await to.settle();
  }
  await lease?.renew();
  const mtime = setNewTime(backing, [header.mtime, identity.mtime]);
  await during('write-data', () => backing.syncWithTimes());
  if (!isCowWritable) return { merged: true, rebased: false };
  const isRecorded = isSameFile(header.backing, identity.key);
  if (isRecorded) await rebase(cow, header, mtime);
  else if (lease) await cow.write(encodeHeader(header), 0); // without the mark
  return { merged: true, rebased: isRecorded };
}

/** All of an extent but zeros that the backing file has anyway, as a hole. */
function piecesToWrite(bytes: Buffer, extent: Extent, offset: number, holes: DataMap): Extent[] {
  const pieces: Extent[] = [];
  const add = (start: number, end: number) => {
    const last = pieces.at(-1);
    if (last?.end === start) last.end = end;
    else if (start < end) pieces.push({ start, end });
  };
  let at = extent.start;
  for (const { start, end } of [...nonZeroExtents(bytes, extent), { start: extent.end, end: extent.end }]) {
    if (at < start && !holes.isHole(offset + at, offset + start)) add(at, start);
    add(start, end);
    at = end;
  }
  return pieces;
}

/** Gives the backing file a time that no COW file over it has. */
function setNewTime(backing: HeldFile, old: readonly number[]): number {
  return about(backing.path, () => {
    let mtime = Math.floor(Date.now() / 1000);
    while (old.includes(mtime)) mtime++;
    futimesSync(backing.fd, mtime, mtime);
    return backing.identity().mtime;
  });
}

/** Whether a name in a header means this file. */
export function isSameFile(name: Buffer, key: string): boolean {
  try {
    return identify(name).key === key;
  } catch {
    return false;
  }
}

/**
 * Makes a COW file, whose data is all in its backing file by now, an empty one over it. Until it is that on the disk the
 * mark stays: whatever part of this a kill leaves, either the file fits and is right, or the merge can be run again.
 * The old data keeps its place, unused, until it is written over: giving it back can take longer than the merge.
 */
async function rebase(cow: HeldFile, header: CowHeader, mtime: number): Promise<void> {
  const { offset, bytes } = encodeMtime(header.layout, mtime);
  await cow.write(bytes, offset);
  for (let at = 0; at < header.bitmapLength; at += WINDOW) {
    const bits = cow.readNow(Math.min(WINDOW, header.bitmapLength - at), header.bitmapOffset + at);
    for (const { start, end } of nonZeroExtents(bits)) {
      cow.writeNow(new Uint8Array(end - start), header.bitmapOffset + at + start);
    }
  }
  await cow.sync();
  await cow.write(encodeHeader({ ...header, mtime }), 0); // without the mark, which can do no harm if it comes back
}
