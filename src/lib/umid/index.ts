/** The directories under `~/.uml` by which instances are found: taking, finding and listing them (spec 5). */
export { type Environment, emptyBaseWarning, searchBases, umidBase } from './base.ts';
export { type ClaimOptions, claimUmid, type UmidDirectory } from './claim.ts';
export { UmidError, type UmidErrorCode } from './error.ts';
export { type FoundSocket, findSocket, type Instance, listInstances } from './find.ts';
export { matchesPattern } from './glob.ts';
export { answers, liveOwner, type Owner, type OwnerState, ownerOf, readPid } from './owner.ts';
