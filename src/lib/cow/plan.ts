import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { hasBit, runEnd } from './bitmap.ts';
import { chunksOf } from './chunks.ts';
import { about } from './error.ts';
import { checkOutput } from './merge-file.ts';
import { isSameFile, openWritable } from './merge-in-place.ts';
import { during, openSource, type SourceOptions } from './source.ts';

/** What a merge would do. Sizes in bytes. */
export interface MergePlan {
  readonly backing: string;
  /** Of the image. */
  readonly size: number;
  /** What the COW file holds of it. */
  readonly dirty: number;
  /** Whether it finishes an in-place merge that was interrupted. */
  readonly resumes: boolean;
  /** Whether the COW file is an empty one over the merged backing file afterwards. */
  readonly rebases: boolean;
}

/**
 * Makes all checks of a merge, with its locks, and changes nothing.
 * @param options with an `output` as for mergeToFile(), without one as for mergeInPlace()
 * @throws CowError as the merge would
 */
export async function planMerge({ output, ...options }: SourceOptions & { output?: string }): Promise<MergePlan> {
  const { source, isCowWritable } =
    output === undefined
      ? await openWritable(options)
      : { source: await openSource(options, 'read', 'read'), isCowWritable: false };
  try {
    if (output !== undefined) {
      await during('open-output', () => {
        const existing = checkOutput(output, source);
        if (!existing?.isBlockDevice()) about(output, () => accessSync(dirname(output), constants.W_OK));
      });
    }
    const { header, backing, identity, mark } = source;
    let dirty = 0;
    for (const { bits, length } of chunksOf(source, 'dirty')) {
      const sectors = Math.ceil(length / header.sectorSize);
      for (let from = 0, to: number; from < sectors; from = to) {
        to = runEnd(bits, from, sectors);
        if (hasBit(bits, from)) dirty += Math.min(to * header.sectorSize, length) - from * header.sectorSize;
      }
    }
    const resumes = mark !== undefined;
    const rebases = isCowWritable && (dirty > 0 || resumes) && isSameFile(header.backing, identity.key);
    return { backing: backing.path, size: header.size, dirty, resumes, rebases };
  } finally {
    source.close();
  }
}
