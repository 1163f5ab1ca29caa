/** humfs: a guest's files in a directory of the host, with their metadata beside them. Spec section 10. */
export { type Conversion, type ConvertOptions, convertTree, planConversion } from './convert.ts';
export { HumfsError, type HumfsErrorCode } from './error.ts';
export {
  encodeMetadata,
  type Metadata,
  type MetadataV1,
  type Node,
  type Owner,
  parseMetadata,
  parseMetadataV1,
} from './metadata.ts';
export type { Watch } from './pace.ts';
export { planRestoration, type Restoration, type RestoreOptions, restoreTree } from './restore.ts';
export { encodeSuperblock, parseSuperblock, type Superblock } from './superblock.ts';
export type { ErrorDetails } from './texts.ts';
export { type Kind, MetadataTree, type Path } from './tree.ts';
