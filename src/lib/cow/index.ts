/** COW files: their headers, disks over them, creation, merging, and what looks into them. Spec sections 6 and 7. */
export { checkCow, type Problem, type ProblemCode } from './check.ts';
export { type CreateOptions, createCow } from './create.ts';
export { type DiffOptions, diffImages } from './diff.ts';
export type { Disk } from './disk.ts';
export { CowError, type CowErrorCode } from './error.ts';
export {
  type CowHeader,
  type CowLayout,
  encodeHeader,
  HEADER_BYTES,
  type HeaderValues,
  hasMagic,
  layOut,
  parseHeader,
} from './header.ts';
export type { Watch } from './image.ts';
export { type CowInfo, type ImageInfo, inspectImage, type MapEntry, mapImage } from './inspect.ts';
export type { MergeOptions } from './merge.ts';
export { type MergeToFileOptions, mergeToFile } from './merge-file.ts';
export { type InPlaceResult, mergeInPlace } from './merge-in-place.ts';
export { type DiskSpec, openDisk } from './open.ts';
export { type MergePlan, planMerge } from './plan.ts';
export { moveBacking, type RebaseOptions, rebaseCow, restoreTime } from './rebase.ts';
export { type CompactResult, type ConvertOptions, compactCow, convertToCow } from './rewrite.ts';
export type { MergeStep, SourceOptions } from './source.ts';
export type { ErrorDetails } from './texts.ts';
