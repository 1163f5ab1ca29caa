/** COW files: their headers, disks over them, creation. Spec sections 6 and 7. */
export { type CreateOptions, createCow } from './create.ts';
export type { Disk } from './disk.ts';
export { CowError, type CowErrorCode } from './error.ts';
export { type CowHeader, type CowLayout, HEADER_BYTES, hasMagic, parseHeader } from './header.ts';
export { type DiskSpec, openDisk } from './open.ts';
export type { ErrorDetails } from './texts.ts';
