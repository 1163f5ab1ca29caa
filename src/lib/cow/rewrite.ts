import { existsSync, fstatSync, ftruncateSync, realpathSync, renameSync, rmSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { describeBacking } from './backing.ts';
import { draftBeside } from './beside.ts';
import { Bitmap } from './bitmap.ts';
import { alreadyThere, keepOwner, publish, syncDirectory } from './create.ts';
import { differingExtents } from './diff.ts';
import { about, CowError, systemError } from './error.ts';
import { nonZeroExtents } from './extents.ts';
import { ALIGNMENT, type CowHeader, encodeHeader, HEADER_BYTES, hasMagic, layOut, SECTOR } from './header.ts';
import { type HeldFile, hold, identify } from './held.ts';
import { compareImages, Image, openImage, type Watch } from './image.ts';
import { GROUP } from './overlay.ts';
import { openSource } from './source.ts';

export interface ConvertOptions extends Watch {
  /** A plain image, or a COW file of whatever backing file. */
  image: string;
  /** What the new COW file goes over: a plain image or block device of the same size. */
  backing: string;
  /** The COW file to make. */
  cow: string;
  /** An existing file of that name gives way to it when it is complete. */
  replace?: true;
}

/**
 * Makes a V3 COW file that holds what an image has different from a backing file. It appears under its name complete and
 * durable, or not at all.
 * @throws CowError `size-mismatch`, `same-file`, `cow-backing`, `system` (EEXIST without `replace`), `locked`
 */
export async function convertToCow({ image: name, backing, cow, replace, ...watch }: ConvertOptions): Promise<void> {
  const { header } = describeBacking(backing, () => {});
  const input = await openImage({ cow: name });
  try {
    const base = hold(header.backing, 'read', 'read');
    try {
      if (hasMagic(base.readNow(HEADER_BYTES, 0))) throw new CowError('cow-backing', backing);
      if (input.image.size !== header.size) {
        throw new CowError('target-size', name, { expected: header.size, actual: input.image.size, other: backing });
      }
      refuseInputs(cow, { image: name, 'backing file': backing });
      const existing = about(cow, () => statSync(cow, { throwIfNoEntry: false }));
      if (existing && !replace) throw systemError(alreadyThere(), cow);
      if (existing) hold(cow, 'write', 'write').close(); // a directory, a file in use: not to be replaced
      const target = existing ? about(cow, () => realpathSync(cow)) : cow;
      const images = { image: input.image, base: Image.ofFile(base) };
      const give = (temporary: string) => (existing ? renameSync(temporary, target) : publish(temporary, target));
      await writeDifferences(target, header, images, watch, give, existing);
    } finally {
      base.close();
    }
  } finally {
    input.close();
  }
}

function refuseInputs(output: string, inputs: Readonly<Record<string, string>>): void {
  if (!existsSync(output)) return;
  const { key } = identify(output);
  for (const [role, other] of Object.entries(inputs)) {
    if (identify(other).key === key) throw new CowError('same-file', output, { role, other });
  }
}

/** What a COW file took up on its disk before and after, in bytes. */
export interface CompactResult {
  readonly before: number;
  readonly after: number;
}

/**
 * Writes a COW file anew, as V3: without sectors that are as in the backing file, without what lies unused in it, with
 * holes for zeros. The new file takes the old one's place, owner and mode when it is complete and durable.
 * @throws CowError `locked` while it is in use; `merge-begun`
 */
export async function compactCow({ cow: name, ...watch }: Watch & { cow: string }): Promise<CompactResult> {
  const source = await openSource({ cow: name }, 'read', 'write');
  try {
    if (source.mark) throw new CowError('merge-begun', name);
    const { size, mtime, backing } = source.header;
    const header = layOut({ layout: 'v3', backing, mtime, size, sectorSize: SECTOR, alignment: ALIGNMENT });
    const before = about(name, () => fstatSync(source.cow.fd));
    const images = { image: Image.ofSource(source), base: Image.ofFile(source.backing) };
    const target = about(name, () => realpathSync(name));
    const after = await writeDifferences(
      target,
      header,
      images,
      watch,
      (temporary) => renameSync(temporary, target),
      before,
    );
    return { before: before.blocks * 512, after: after.blocks * 512 };
  } finally {
    source.close();
  }
}

/** Makes the new file beside the target and, when it is on the disk, gives it its name. */
async function writeDifferences(
  target: string,
  header: CowHeader,
  { image, base }: { image: Image; base: Image },
  watch: Watch,
  give: (temporary: string) => void,
  like?: Stats,
): Promise<Stats> {
  const { temporary, file } = draftBeside(target, 'write');
  try {
    if (like) keepOwner(file.fd, like);
    about(target, () => ftruncateSync(file.fd, header.dataOffset + header.size));
    await file.write(encodeHeader(header), 0);
    await compareImages(image, base, watch, async (chunk, wanted, present) => {
      const bitmap = new Bitmap(new Uint8Array(Math.ceil(chunk.length / SECTOR / 8)));
      for (const { start, end } of differingExtents(wanted, present, GROUP)) {
        await writeData(file, wanted.subarray(start, end), header.dataOffset + chunk.offset + start);
        bitmap.set(start / SECTOR, Math.ceil(end / SECTOR));
      }
      await file.write(bitmap.bits, header.bitmapOffset + chunk.offset / SECTOR / 8);
    });
    await file.syncWithTimes();
    watch.signal?.throwIfAborted();
    about(target, () => give(temporary));
    syncDirectory(dirname(target));
    return about(target, () => fstatSync(file.fd));
  } finally {
    file.close();
    rmSync(temporary, { force: true });
  }
}

/** All but blocks of zeros: the new file is a hole there. */
async function writeData(file: HeldFile, bytes: Buffer, position: number): Promise<void> {
  for (const { start, end } of nonZeroExtents(bytes)) await file.write(bytes.subarray(start, end), position + start);
}
