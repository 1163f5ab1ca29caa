import { checkCow, diffImages, type ImageInfo, inspectImage, mapImage, type Problem } from '../../lib/cow/index.ts';
import { progressBar } from '../progress.ts';
import { STATUS, sizeText } from './outcome.ts';

/** Prints lines or a JSON array, an entry at a time, so that the longest list needs no memory. */
class Listing {
  readonly #json: boolean;
  #text = '';
  #isFirst = true;

  constructor(json: boolean) {
    this.#json = json;
  }

  add(entry: object, line: string): void {
    this.#text += this.#json ? `${this.#isFirst ? '[' : ',\n'}${JSON.stringify(entry)}` : `${line}\n`;
    this.#isFirst = false;
    if (this.#text.length > 1 << 16) this.#print();
  }

  end(): void {
    if (this.#json) this.#text += this.#isFirst ? '[]\n' : ']\n';
    this.#print();
  }

  #print(): void {
    process.stdout.write(this.#text);
    this.#text = '';
  }
}

/** `info`: what an image is, and the files below it. */
export function info(file: string, json: boolean): number {
  const image = inspectImage(file);
  process.stdout.write(json ? `${JSON.stringify(forJson(image), null, 2)}\n` : infoText(image).join(''));
  return STATUS.success;
}

function forJson({ file, size, fileSize, allocated, usedBy, cow }: ImageInfo): object {
  const common = { file, format: cow?.header.layout ?? 'raw', size, fileSize, allocated, usedBy };
  if (!cow) return common;
  const { header, dirtySectors, mergeBegun, backing } = cow;
  const { sectorSize, sectors, mtime, bitmapOffset, dataOffset } = header;
  return {
    ...common,
    sectorSize,
    sectors,
    dirtySectors,
    bitmapOffset,
    dataOffset,
    mergeBegun,
    backingFile: backing.name,
    backingMtime: mtime,
    backingError: backing.error && { code: backing.error.code, message: backing.error.message },
    backing: backing.image && forJson(backing.image),
  };
}

const FORMATS = {
  'v1-le': 'COW version 1, little-endian',
  'v1-be': 'COW version 1, big-endian',
  v2: 'COW version 2',
  v3: 'COW version 3',
  'v3-64': 'COW version 3, in the layout of 64-bit programs before 2006',
} as const;

function infoText(image: ImageInfo): string[] {
  const { file, size, fileSize, allocated, usedBy, cow } = image;
  const field = (name: string, value: string): string => `  ${`${name}:`.padEnd(15)} ${value}\n`;
  const lines = [
    `${file}\n`,
    field('format', cow ? FORMATS[cow.header.layout] : 'plain image'),
    field('size', `${size} bytes (${sizeText(size)})`),
    field('file', `${fileSize} bytes, ${sizeText(allocated)} on the disk`),
  ];
  if (usedBy !== undefined) lines.push(field('in use', `by process ${usedBy}`));
  if (!cow) return lines;
  const { header, dirtySectors, mergeBegun, backing } = cow;
  const percent = header.sectors === 0 ? 0 : (dirtySectors / header.sectors) * 100;
  lines.push(
    field(
      'held here',
      `${dirtySectors} of ${header.sectors} sectors of ${header.sectorSize} bytes (${percent.toFixed(1)} %)`,
    ),
    field('backing file', backing.name),
    field('its time', `${header.mtime} (${new Date(header.mtime * 1000).toISOString()})`),
  );
  if (mergeBegun) lines.push(field('merge', 'begun and not finished; uml_moo -d finishes it'));
  if (backing.error) lines.push(field('problem', backing.error.message));
  if (backing.image) lines.push(...infoText(backing.image));
  return lines;
}

/** `map`: which file each range comes from. */
export function map(file: string, json: boolean): number {
  const listing = new Listing(json);
  for (const entry of mapImage(file)) {
    listing.add(entry, `${entry.offset} ${entry.length} ${entry.from} ${entry.at}`);
  }
  listing.end();
  return STATUS.success;
}

/** `check`: what is wrong with a COW file. */
export function check(cow: string, { json, repair }: { json: boolean; repair: boolean }): number {
  const problems = checkCow({ cow, ...(repair && { repair }) });
  const listing = new Listing(json);
  for (const problem of problems) {
    const { code, repaired } = problem;
    const text = problemText(problem);
    listing.add({ code, repaired, message: text }, `${code}: ${text}${repaired ? '; repaired' : ''}`);
  }
  listing.end();
  return problems.every(({ repaired }) => repaired) ? STATUS.success : STATUS.no;
}

function problemText({ code, error }: Problem): string {
  switch (code) {
    case 'stray-bits':
      return 'the bitmap has bits behind the last sector';
    case 'dirty-name':
      return "something is left behind the backing file's name, as old programs leave their memory there";
    case 'short-file':
      return 'the file ends before its last sector, where it holds nothing';
    case 'no-bitmap-room':
      return 'this old layout has no room in its bitmap for the last sectors; `uml cow compact` makes it version 3';
    case 'merge-begun':
      return 'an in-place merge was begun and not finished; uml_moo -d finishes it';
    case 'truncated':
    case 'backing':
      return error?.message ?? '';
  }
}

/** `diff`: where two images differ. */
export async function diff(first: string, second: string, { json, signal }: { json: boolean; signal: AbortSignal }) {
  const listing = new Listing(json);
  const bar = progressBar();
  try {
    const onDifference = (offset: number, length: number) => {
      bar.end();
      listing.add({ offset, length }, `${offset} ${length}`);
    };
    const bytes = await diffImages(first, second, { onDifference, signal, progress: bar.update });
    bar.end();
    listing.end();
    return bytes === 0 ? STATUS.success : STATUS.no;
  } finally {
    bar.end();
  }
}
