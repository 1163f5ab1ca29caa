/** COW files: their headers, disks over them, creation, merging. Spec sections 6 and 7. */
export { type CreateOptions, createCow } from './create.ts';
export type { Disk } from './disk.ts';
export { CowError, type CowErrorCode } from './error.ts';
export { type CowHeader, type CowLayout, HEADER_BYTES, hasMagic, parseHeader } from './header.ts';
export type { MergeOptions } from './merge.ts';
export { type MergeToFileOptions, mergeToFile } from './merge-file.ts';
export { type InPlaceResult, mergeInPlace } from './merge-in-place.ts';
export { type DiskSpec, openDisk } from './open.ts';
export type { MergeStep, SourceOptions } from './source.ts';
export type { ErrorDetails } from './texts.ts';
