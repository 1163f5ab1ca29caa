/** UMLFS: an instance's files on the host, by way of FUSE (spec 11.4). */
export { UmlfsError, type UmlfsErrorCode } from './error.ts';
export { mountUmlfs, type UmlfsMount } from './mount.ts';
export { type FuseOptions, fuseOptions } from './options.ts';
