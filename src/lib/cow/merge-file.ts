import { ftruncateSync, realpathSync, renameSync, rmSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { draftBeside } from './beside.ts';
import { contentExtents } from './chunks.ts';
import { keepOwner, syncDirectory } from './create.ts';
import { about, CowError } from './error.ts';
import { DataMap, nonZeroExtents } from './extents.ts';
import { hold, identify } from './held.ts';
import { forEachChunk, type MergeOptions, MergeTarget } from './merge.ts';
import { during, type MergeSource, openSource } from './source.ts';

export interface MergeToFileOptions extends MergeOptions {
  /** The new image, or a block device to write it to. */
  output: string;
  /**
   * `skip`: the image is complete under its name, but the kernel brings it to the disk when it likes, as after cp. A
   * power failure soon after may then leave holes in it. Without it, the merge resolves when all is on the disk.
   */
  sync?: 'skip';
}

/**
 * Merges a COW file and its backing file into a new image. The output appears complete and (but for
 * `sync: 'skip'`) durable under its name, or not at all: until then an existing file of that name is as it was. Blocks of zeros become holes. A block device is
 * written in place.
 * @throws CowError with `details.step` (MergeStep); `same-file` if the output is one of the inputs
 */
export async function mergeToFile(options: MergeToFileOptions): Promise<void> {
  const source = await openSource(options, 'read', 'read');
  try {
    const existing = await during('open-output', () => checkOutput(options.output, source));
    if (existing?.isBlockDevice()) await mergeToDevice(source, options);
    else await mergeToNewFile(source, options, existing);
  } finally {
    source.close();
  }
}

/** What is there already under the output's name. */
export function checkOutput(output: string, source: MergeSource): Stats | undefined {
  const existing = about(output, () => statSync(output, { throwIfNoEntry: false }));
  if (!existing) return undefined;
  const { key } = identify(output);
  if (source.cow.identity().key === key) {
    throw new CowError('same-file', output, { role: 'COW file', other: source.cow.path });
  }
  if (source.identity.key === key) {
    throw new CowError('same-file', output, { role: 'backing file', other: source.backing.path });
  }
  hold(output, 'write', 'write').close(); // a directory, a fifo, a file in use: not to be replaced
  return existing;
}

async function mergeToNewFile(source: MergeSource, options: MergeToFileOptions, existing: Stats | undefined) {
  const { output } = options;
  const target = existing ? realpathSync(output) : output;
  const { temporary, file } = await during('open-output', () => draftBeside(target, 'none', output));
  const isLazy = options.sync === 'skip';
  const to = new MergeTarget(file, isLazy ? 'at the end' : 'meanwhile');
  try {
    if (existing) keepOwner(file.fd, existing);
    about(output, () => ftruncateSync(file.fd, source.header.size));
    const backing = new DataMap(source.backing.fd);
    await forEachChunk(source, 'data', options, async (chunk, read) => {
      const extents = contentExtents(chunk, source.header.sectorSize, backing);
      const bytes = await read(chunk, extents);
      for (const extent of extents) {
        for (const { start, end } of nonZeroExtents(bytes, extent)) {
          await to.write(bytes.subarray(start, end), chunk.offset + start);
        }
      }
    });
    if (!isLazy) await to.sync();
    options.signal?.throwIfAborted();
    await during('write-data', () => about(output, () => renameSync(temporary, target)));
    if (!isLazy) syncDirectory(dirname(target));
  } finally {
    await to.settle();
    file.close();
    rmSync(temporary, { force: true });
  }
}

async function mergeToDevice(source: MergeSource, options: MergeToFileOptions): Promise<void> {
  const device = await during('open-output', () => hold(options.output, 'write', 'write'));
  const to = new MergeTarget(device, 'meanwhile');
  try {
    const { size } = device.identity();
    if (size < source.header.size) {
      const details = { expected: source.header.size, actual: size, step: 'open-output' };
      throw new CowError('target-small', options.output, details);
    }
    // every byte: what was there before must go
    await forEachChunk(source, 'all', options, async (chunk, read) => {
      await to.write(await read(chunk, [{ start: 0, end: chunk.length }]), chunk.offset);
    });
    if (options.sync !== 'skip') await to.sync();
  } finally {
    await to.settle();
    device.close();
  }
}
